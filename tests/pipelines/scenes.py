"""What the scenarios share: events, what the recorded commands tell and leave, and how to read a run."""

from pipelines.events import Event

PULL_REQUEST = Event("PullRequest", "dev")
TO_DEV = Event("IndividualCI", "dev")
TO_MAIN = Event("IndividualCI", "main")
CLICK = Event("Manual", "dev")
CLICK_ON_MAIN = Event("Manual", "main")
ELSEWHERE = Event("Manual", "feature/x")
HOOK = {"TEAMS_WEBHOOK_URL": "https://example.org/hook"}


def tells(**values):
    """A line of bash by which `tdsp` gives values to later steps."""
    return "; ".join(
        f"echo '##vso[task.setvariable variable={name};isOutput=true]{value}'" for name, value in values.items()
    )


def verdict(outcome, code=0):
    """What `tdsp report --summary` does for a model with this outcome."""
    return (
        "^uv run tdsp report",
        code,
        f"echo '# Verdict' > summary.md; mkdir -p docs/reports; {tells(outcome=outcome)}",
    )


HERE = ("^uv run tdsp data look", 0, tells(here="true"))
TESTED = ("^uv run pytest", 0, "echo '<testsuites/>' > test-results.xml")
GOOD = [HERE, TESTED, verdict("registered")]
SENT = ("^uv run tdsp submit", 0, tells(job="train-1"))
PLACE = ("^uv run tdsp connected", 0, tells(connected="true", group="rg-churn", subscription="s"))


def asked(run, *words):
    """The recorded commands that start with one of `words`."""
    return [line for line in run.commands if line.startswith(words)]


def azure(run):
    """What was done as an identity of Azure."""
    return [line.removeprefix("uv run ") for line in run.commands if "@azureml-" in line]


def told(run):
    """What Teams was told."""
    return [line.removeprefix("uv run tdsp notify ") for line in asked(run, "uv run tdsp notify")]
