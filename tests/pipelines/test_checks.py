"""The pipelines have none of the problems that can be seen without running them; and each of these would be seen."""

import pytest
from pipelines import checks


def test_the_pipelines_are_sound(folder):
    assert checks.problems(folder) == []


# What somebody could do to a pipeline -> what has to be said about it.
MISTAKES = {
    "a template that is not there": ("ci.yml", "steps-setup.yml", "steps-set-up.yml", "there is no such file"),
    "a template of another kind": (
        "ci.yml",
        "templates/steps-report.yml",
        "templates/variables.yml",
        "here steps are wanted",
    ),
    "a parameter that the template lacks": ("rollback.yml", "azure: true", "cloud: true", "has no parameter cloud"),
    "a parameter that is not given": (
        "templates/stage-release.yml",
        "event: started",
        "",
        "parameter event is missing",
    ),
    "a value that is not allowed": (
        "train.yml",
        "environment: prod",
        "environment: production",
        "'production', not dev or prod",
    ),
    "a truth value that is none": ("rollback.yml", "azure: true", "azure: please", "not true or false"),
    "a parameter that nobody declared": (
        "templates/job-deploy.yml",
        "${{ parameters.version }}",
        "${{ parameters.verison }}",
        "verison",
    ),
    "a parameter that nobody reads": (
        "templates/steps-notify.yml",
        "${{ parameters.what }}",
        "work",
        "parameter what is never read",
    ),
    "a dependency that is not there": (
        "templates/stage-release.yml",
        "dependsOn: [train]",
        "dependsOn: [training]",
        "depends on training",
    ),
    "a stage that is not there": ("deploy.yml", "dependsOn: dev", "dependsOn: test", "depends on test"),
    "two jobs of one name": ("ci.yml", "job: test", "job: lint", "lint is there twice"),
    "a job that may hang": (
        "templates/stage-release.yml",
        "timeoutInMinutes: 360",
        "timeoutInMinutes: 0",
        "timeoutInMinutes is 0",
    ),
    "a condition without its bracket": (
        "deploy.yml",
        "'refs/heads/main'))",
        "'refs/heads/main')",
        "bracket is not closed",
    ),
    "a function that does not exist": (
        "deploy.yml",
        "condition: and(succeeded()",
        "condition: and(success()",
        "success(): there is no such function",
    ),
    "a variable that does not exist": (
        "deploy.yml",
        "['Build.SourceBranch']",
        "['Build.Branch']",
        "no variable Build.Branch",
    ),
    "an output that nobody sets": (
        "templates/stage-release.yml",
        "'train.outcome'",
        "'train.verdict'",
        "tells no train.verdict",
    ),
    "an output of a job it does not wait for": (
        "templates/stage-release.yml",
        "dependencies.train.",
        "dependencies.lint.",
        "lint is not in dependsOn",
    ),
    "an expression that cannot be read": (
        "templates/steps-setup.yml",
        "eq(parameters.azure, true)",
        "parameters.azure == true",
        "cannot read",
    ),
    "else without if": (
        "templates/steps-setup.yml",
        "${{ if eq(parameters.azure, true) }}",
        "${{ insert }}",
        "else without if",
    ),
    "a key that is there twice": (
        "ci.yml",
        "displayName: Check\n",
        "displayName: Check\n    displayName: Look\n",
        "displayName is there twice",
    ),
    "no rule for pushes": ("rollback.yml", "trigger: none\n", "", "trigger is missing"),
    "no rule for pull requests": ("train.yml", "pr: none\n", "", "pr is missing"),
    "a branch that nobody has": ("train.yml", "include: [dev, main]", "include: [dev, master]", "branch master"),
    "an image that changes by itself": ("ci.yml", "ubuntu-24.04", "ubuntu-latest", "ubuntu-latest"),
    "an environment that is misspelt": (
        "rollback.yml",
        "environment: ${{ parameters.environment }}\n        strategy",
        "environment: production\n        strategy",
        "environment production is none of",
    ),
    "prod without anybody being asked": (
        "templates/job-deploy.yml",
        "    environment: ${{ parameters.environment }}\n    strategy",
        "    environment: dev\n    strategy",
        "nobody is asked",
    ),
    "another service connection": (
        "templates/steps-azure.yml",
        "azureml-${{",
        "azure-${{",
        "service connection azure-dev",
    ),
    "a task of an older version": ("templates/steps-azure.yml", "AzureCLI@2", "AzureCLI@1", "AzureCLI@1 is none of"),
    "an input that the task lacks": (
        "templates/steps-azure.yml",
        "scriptLocation:",
        "location:",
        "has no input location",
    ),
    "an input that is missing": (
        "ci.yml",
        "              testResultsFiles: test-results.xml\n",
        "",
        "needs the input testResultsFiles",
    ),
    "a step of another kind": (
        "ci.yml",
        "- bash: uv run ruff check",
        "- powershell: uv run ruff check",
        "powershell is not a kind",
    ),
    "a branch's name in a script": (
        "ci.yml",
        "bash: uv run tdsp run",
        "bash: uv run tdsp run --set inputs.x=$(Build.SourceBranchName)",
        "map it with env",
    ),
    "a parameter in a script": (
        "rollback.yml",
        '"$ENVIRONMENT"',
        '"${{ parameters.environment }}"',
        "an expression in it",
    ),
    "a script that does not stop": (
        "templates/job-deploy.yml",
        "                  set -euo pipefail\n",
        "",
        "goes on after a line that failed",
    ),
    "a script that bash cannot read": ("templates/job-deploy.yml", "                  fi\n", "", "syntax error"),
    "a variable that nobody maps": (
        "templates/job-deploy.yml",
        "VERSION: ${{",
        "NUMBER: ${{",
        "$VERSION comes from nowhere",
    ),
    "a secret that nobody knows": (
        "templates/steps-notify.yml",
        "$(TEAMS_WEBHOOK)",
        "$(TEAMS_HOOK)",
        "no variable TEAMS_HOOK",
    ),
    "a command that tdsp lacks": ("ci.yml", "uv run tdsp check", "uv run tdsp lint", "No such command 'lint'"),
    "an option that tdsp lacks": ("templates/stage-release.yml", "--wait", "--watch", "No such option '--watch'"),
    "a program that the project lacks": ("ci.yml", "uv run ruff check", "uv run flake8", "uv run flake8 is none of"),
    "a password": (
        "templates/variables.yml",
        'PYTHONUTF8: "1"',
        "API_KEY: 3f9a8b7c6d5e4f3a2b1c",
        "looks like a secret",
    ),
    "a token left on the machine": (
        "templates/steps-setup.yml",
        "persistCredentials: false",
        "persistCredentials: true",
        "leaves its token",
    ),
}


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_noticed(broken, name, old, new, said):
    found = checks.problems(broken(name, old, new))
    assert any(said in line for line in found), found


def test_a_template_that_nobody_uses_is_noticed(broken):
    copy = broken("ci.yml", "Check", "Look")
    (copy / "templates" / "old.yml").write_text("steps: []\n")
    assert checks.problems(copy) == ["templates/old.yml: no pipeline uses it"]
