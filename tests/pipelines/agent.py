"""Run an expanded pipeline on this machine: which stages, jobs and steps run, and what they run.

Scripts are really run, by bash, in a copy of a project, with recorders in place of `uv`, `az` and `curl`. Tasks are
written down; `AzureCLI@2` runs its script as well. An environment with an approval holds its stage until somebody
agrees.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.events import Event
from pipelines.expressions import evaluate, parse, true

_MACRO = re.compile(r"\$\(([\w.]+)\)")
_COMMAND = re.compile(r"^##vso\[(?P<what>[\w.]+) ?(?P<settings>[^\]]*)\](?P<value>.*)$", re.MULTILINE)
SECONDS = 60


@dataclass
class Run:
    """What came of a pipeline.

    Attributes:
        results: of each stage, job (`stage.job`): `Succeeded`, `Failed`, `Skipped` or `Waiting`.
        steps: titles of the steps that ran, in order, each `job: title`.
        failed: titles of those that failed.
        commands: what the recorders saw, in order; behind `@` as whom.
        tasks: what other tasks did, with their inputs.
        summaries: files shown on the run's page.
        log: what the scripts printed.
        approvals: environments that somebody was asked about.
    """

    results: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    tasks: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    log: str = ""
    approvals: list[str] = field(default_factory=list)


@dataclass
class Agent:
    """A machine that runs pipelines.

    Attributes:
        folder: the project.
        tools: folder of the recorders, first on the path.
        guarded: environments that need an approval.
        agreed: whether it is given.
        secrets: secret variables: no script gets one unless a step maps it.
    """

    folder: Path
    tools: Path
    guarded: frozenset[str] = frozenset({"prod"})
    agreed: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict)

    def run(self, document: Mapping[str, Any], event: Event) -> Run:
        """Run a pipeline to its end, or to the first approval that nobody gives."""
        run = Run()
        variables = event.variables | {
            item["name"]: item["value"] for item in document.get("variables", []) if "name" in item
        }
        variables["Pipeline.Workspace"] = str(self.folder.parent)
        variables = {name: self._filled(value, variables) for name, value in variables.items()}
        states: dict[str, Any] = {}
        before: list[str] = []
        for stage in document["stages"]:
            name = stage["stage"]
            needs = _listed(stage.get("dependsOn", before))
            states[name] = {"result": self._stage(run, stage, needs, states, variables), "outputs": {}}
            run.results[name] = states[name]["result"]
            before = [name]
        return run

    def _stage(self, run: Run, stage: Any, needs: list[str], states: dict, variables: dict[str, str]) -> str:
        if not _wanted(stage, needs, states, variables):
            return "Skipped"
        for environment in dict.fromkeys(job["environment"] for job in stage["jobs"] if "environment" in job):
            if environment in self.guarded:
                run.approvals.append(environment)
                if not self.agreed:
                    return "Waiting"
        jobs: dict[str, Any] = {}
        for job in stage["jobs"]:
            name = job.get("job") or job["deployment"]
            outputs: dict[str, str] = {}
            result = "Skipped"
            if _wanted(job, _listed(job.get("dependsOn", [])), jobs, variables):
                result = self._job(run, job, name, dict(variables), outputs)
            jobs[name] = {"result": result, "outputs": outputs}
            run.results[f"{stage['stage']}.{name}"] = result
        return "Failed" if any(job["result"] == "Failed" for job in jobs.values()) else "Succeeded"

    def _job(self, run: Run, job: Any, name: str, variables: dict[str, str], outputs: dict[str, str]) -> str:
        steps = job["steps"] if "job" in job else job["strategy"]["runOnce"]["deploy"]["steps"]
        prefix = f"{name}." if "deployment" in job else ""
        status = "Succeeded"
        # A job begins with the project unless a step says so later; a deployment job begins with nothing.
        here = "job" in job and not any("checkout" in step for step in steps)
        for step in steps:
            variables["Agent.JobStatus"] = status
            if not _condition(step.get("condition", "succeeded()"), {"variables": variables}, status, [status]):
                continue
            title = step.get("displayName", step.get("task", "checkout"))
            run.steps.append(f"{name}: {title}")
            here = here or step.get("checkout") == "self"
            good, told = self._step(run, step, variables, self.folder if here else self._nowhere())
            for key, value in told.items():
                own = f"{step['name']}.{key}" if "name" in step else key
                variables[own] = value
                outputs[f"{prefix}{own}"] = value
            if not good and step.get("continueOnError") != "true":
                run.failed.append(f"{name}: {title}")
                status = "Failed"
        return status

    def _nowhere(self) -> Path:
        """The folder of a job that did not check the project out: there is nothing in it."""
        folder = self.tools.parent / "nothing"
        folder.mkdir(exist_ok=True)
        return folder

    def _step(self, run: Run, step: Any, variables: dict[str, str], folder: Path) -> tuple[bool, dict[str, str]]:
        if "publish" in step:
            run.tasks.append(
                ("publish", {"path": step["publish"], "artifact": self._filled(step["artifact"], variables)})
            )
            return (folder / step["publish"]).exists(), {}
        if "bash" in step:
            return self._script(run, step["bash"], step.get("env", {}), variables, folder)
        if "task" not in step:
            return True, {}
        inputs = {key: self._filled(value, variables) for key, value in step.get("inputs", {}).items()}
        run.tasks.append((step["task"], inputs))
        if step["task"].startswith("AzureCLI@"):
            given = step.get("env", {})
            return self._script(run, inputs["inlineScript"], given, variables, folder, inputs["azureSubscription"])
        if step["task"].startswith("PublishTestResults@"):
            return bool(list(folder.glob(inputs["testResultsFiles"]))), {}
        return True, {}

    def _script(
        self,
        run: Run,
        script: str,
        given: Mapping[str, str],
        variables: dict[str, str],
        folder: Path,
        connection: str = "",
    ) -> tuple[bool, dict[str, str]]:
        record = self.tools / "record"
        seen = len(record.read_text().splitlines()) if record.exists() else 0
        variables = {"System.AccessToken": "token-of-this-run", **variables}
        environment = {
            name.upper().replace(".", "_"): value for name, value in variables.items() if name != "System.AccessToken"
        }
        environment |= {name: self._filled(value, variables | dict(self.secrets)) for name, value in given.items()}
        environment |= {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.folder.parent)}
        environment |= {"RECORD": str(record), "AS": connection}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", self._filled(script, variables)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        run.log += done.stdout + done.stderr
        run.commands += record.read_text().splitlines()[seen:] if record.exists() else []
        told = {}
        for match in _COMMAND.finditer(done.stdout):
            settings = dict(item.split("=", 1) for item in match["settings"].split(";") if item)
            if match["what"] == "task.setvariable":
                told[settings["variable"]] = match["value"]
            elif match["what"] == "task.uploadsummary":
                run.summaries.append(match["value"])
        return done.returncode == 0, told

    def _filled(self, text: str, variables: Mapping[str, str]) -> str:
        return _MACRO.sub(lambda match: variables.get(match[1], match[0]), text)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) and value else list(value)


def _wanted(thing: Any, needs: list[str], states: Mapping[str, Any], variables: Mapping[str, str]) -> bool:
    """Whether a stage or job runs, after what it needs has ended."""
    ended = [states[name]["result"] for name in needs]
    names = {"variables": variables, "dependencies": {name: states[name] for name in needs}}
    status = "Failed" if {"Failed", "Skipped", "Waiting"} & set(ended) else "Succeeded"
    return _condition(thing.get("condition", "succeeded()"), names, status, ended)


def _condition(text: str, names: Mapping[str, Any], status: str, ended: list[str]) -> bool:
    functions = {
        "always": lambda: True,
        "canceled": lambda: False,
        "failed": lambda: "Failed" in ended,
        "succeeded": lambda: status == "Succeeded",
        "succeededorfailed": lambda: not {"Skipped", "Waiting"} & set(ended),
    }
    return true(evaluate(parse(text), names, functions))
