"""What the pipelines may use: tasks with their inputs, names, variables, programs."""

# Task -> inputs it takes, those it cannot do without first in the pair. Read from each task's own task.json in
# microsoft/azure-pipelines-tasks.
TASKS: dict[str, tuple[set[str], set[str]]] = {
    "AzureCLI@2": (
        {"azureSubscription", "scriptType", "scriptLocation", "inlineScript"},
        {"visibleAzLogin", "keepAzSessionActive", "workingDirectory"},
    ),
    "Cache@2": ({"key", "path"}, {"restoreKeys", "cacheHitVar"}),
    "PublishTestResults@2": (
        {"testResultsFormat", "testResultsFiles"},
        {"failTaskOnFailedTests", "failTaskOnMissingResultsFile", "mergeTestResults", "searchFolder", "testRunTitle"},
    ),
    "UsePythonVersion@0": ({"versionSpec"}, {"addToPath", "architecture"}),
}
IMAGES = {"ubuntu-24.04"}  # `latest` changes without anybody's change
ENVIRONMENTS = {"dev": "dev", "prod": "main"}  # environment -> the branch that deploys to it
# Service connection -> environment. `-plan` may only look, so nobody has to be asked; `-infra` may create resources.
CONNECTIONS = {f"azureml-{name}{kind}": name for name in ENVIRONMENTS for kind in ("", "-plan", "-infra")}
SECRETS = {"TEAMS_WEBHOOK_URL"}  # secret variables; each has to be mapped where it is used, and may be missing
PROGRAMS = {"cruft", "detect-secrets-hook", "mypy", "pytest", "ruff", "tdsp"}  # what `uv run` starts
# Values that a command of `tdsp` gives to later steps.
TOLD = {
    "connected": {"connected", "group", "subscription"},
    "data look": {"here"},
    "report": {"outcome"},
    "submit": {"job"},
}
BRANCHES = ("refs/heads/dev", "refs/heads/main", "refs/heads/feature/x", "refs/pull/7/merge")  # each is tried
PREDEFINED = {
    "Agent.JobStatus",
    "Agent.OS",
    "Build.Reason",
    "Build.SourceBranch",
    "Pipeline.Workspace",
    "System.AccessToken",
    "System.JobAttempt",
    "System.PullRequest.TargetBranch",
}
HOURS = 6  # the longest that a job may take
