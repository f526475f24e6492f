"""The pipelines have none of the problems that can be seen without running them; and each of these would be seen."""

import pytest
from pipelines import checks


def test_the_pipelines_are_sound(folder):
    assert checks.problems(folder) == []


# What somebody could do to a pipeline -> what has to be said about it.
AZURE, DEPLOY, NOTIFY, SETUP, VARIABLES = (
    f"templates/{name}.yml" for name in ("steps-azure", "job-deploy", "steps-notify", "steps-setup", "variables")
)
MISTAKES = {
    "a template that is not there": ("ci.yml", "steps-setup.yml", "steps-set-up.yml", "there is no such file"),
    "a template of another kind": (
        "rollback.yml",
        "templates/steps-setup",
        "templates/variables",
        "here steps are wanted",
    ),
    "a parameter that the template lacks": ("ci.yml", "history: true", "past: true", "has no parameter past"),
    "a parameter that is not given": ("rollback.yml", "state: ended", "", "parameter state is missing"),
    "a value that is not allowed": ("rollback.yml", "state: ended", "state: done", "'done', not started or ended"),
    "a truth value that is none": ("ci.yml", "history: true", "history: please", "not true or false"),
    "a parameter that nobody declared": (DEPLOY, "${{ parameters.version }}", "${{ parameters.verison }}", "verison"),
    "a parameter that nobody reads": (NOTIFY, "${{ parameters.what }}", "work", "parameter what is never read"),
    "a job that is not there": ("train.yml", "dependsOn: [train]", "dependsOn: [training]", "depends on training"),
    "a job that comes later": ("ci.yml", "job: test\n", "job: test\n        dependsOn: model\n", "depends on model"),
    "two jobs of one name": ("ci.yml", "job: test", "job: lint", "lint is there twice"),
    "a job that may hang": ("train.yml", "timeoutInMinutes: 350", "timeoutInMinutes: 0", "timeoutInMinutes is 0"),
    "a job without a limit": ("ci.yml", "        timeoutInMinutes: 30\n", "", "timeoutInMinutes is 0"),
    "a condition without its bracket": ("deploy.yml", "'true'))", "'true')", "is not closed"),
    "a function that does not exist": ("deploy.yml", "and(succeeded()", "and(success()", "success(): there is no such"),
    "a variable that does not exist": ("deploy.yml", "['TDSP_DEPLOYS']", "['DEPLOYS']", "no variable DEPLOYS"),
    "a value that no step tells": ("ci.yml", "data.here", "data.there", "no variable data.there"),
    "an output that nobody sets": ("train.yml", "'verdict.outcome'", "'verdict.result'", "tells no verdict.result"),
    "an output of another step": ("train.yml", "'verdict.outcome'", "'submit.outcome'", "tells no submit.outcome"),
    "an output of a job it does not wait for": (
        "train.yml",
        "dependencies.train.",
        "dependencies.lint.",
        "not in dependsOn",
    ),
    "an expression that cannot be read": (
        SETUP,
        "eq(parameters.history, true)",
        "parameters.history == true",
        "cannot read",
    ),
    "else without if": (SETUP, "${{ if eq(parameters.history, true) }}", "${{ insert }}", "else without if"),
    "a key that is there twice": (
        "ci.yml",
        "displayName: Check\n",
        "displayName: A\n    displayName: B\n",
        "there twice",
    ),
    "no rule for pushes": ("rollback.yml", "trigger: none\n", "", "trigger is missing"),
    "no rule for pull requests": ("train.yml", "pr: none\n", "", "pr is missing"),
    "a branch that nobody has": ("train.yml", "include: [dev, main]", "include: [dev, master]", "branch master"),
    "a rule without branches": (
        "train.yml",
        "branches:\n    include: [dev, main]\n",
        "branch: main\n",
        "names no branches",
    ),
    "a date that never comes": ("train.yml", "41 4 1 * *", "41 25 1 * *", "25 is not between 0 and 23"),
    "a date with a field too few": ("ci.yml", "23 3 * * *", "23 3 * *", "has 4 fields, not 5"),
    "no checkout in a deployment": (SETUP, "checkout: self", "checkout: none", "before the project is checked out"),
    "packages that are not installed": (
        "ci.yml",
        "          - template: templates/steps-setup.yml\n          - bash: uv run tdsp check",
        "          - bash: uv run tdsp check",
        "runs before uv sync",
    ),
    "a deployment without its environment": (
        DEPLOY,
        "    environment: ${{ variables.TDSP_ENV }}\n",
        "",
        "environment None",
    ),
    "an image that changes by itself": ("ci.yml", "ubuntu-24.04", "ubuntu-latest", "ubuntu-latest"),
    "an environment that is misspelt": (
        VARIABLES,
        "TDSP_ENV: prod",
        "TDSP_ENV: production",
        "environment production is none",
    ),
    "prod without anybody being asked": (
        DEPLOY,
        "environment: ${{ variables.TDSP_ENV }}",
        "environment: dev",
        "nobody is asked",
    ),
    "resources made without anybody being asked": (
        "infra.yml",
        "connection: -plan",
        "connection: -infra",
        "nobody is asked",
    ),
    "another service connection": (AZURE, "azureml-${{", "azure-${{", "service connection azure-dev"),
    "a task of an older version": (AZURE, "AzureCLI@2", "AzureCLI@1", "AzureCLI@1 is none of"),
    "an input that the task lacks": (AZURE, "scriptLocation:", "location:", "has no input location"),
    "an input that is missing": ("ci.yml", "              testResultsFiles: test-results.xml\n", "", "needs the input"),
    "a step of another kind": (
        "ci.yml",
        "- bash: uv run mypy",
        "- powershell: uv run mypy",
        "powershell is not a kind",
    ),
    "a branch's name in a script": (
        "ci.yml",
        "run tdsp run",
        "run tdsp run --set x=$(Build.SourceBranchName)",
        "map it with env",
    ),
    "a parameter in a script": (DEPLOY, 'if [ "$VERSION"', 'if [ "${{ parameters.version }}"', "an expression in it"),
    "a script that does not stop": (
        "update.yml",
        "              set -euo pipefail\n",
        "",
        "goes on after a line that failed",
    ),
    "a script that bash cannot read": ("update.yml", "              fi\n", "", "syntax error"),
    "a variable that nobody maps": (NOTIFY, "WHAT: ${{", "ABOUT: ${{", "$WHAT comes from nowhere"),
    "a secret that nobody knows": (NOTIFY, "$(TEAMS_WEBHOOK_URL)", "$(TEAMS_HOOK)", "no variable TEAMS_HOOK"),
    "a command that tdsp lacks": ("ci.yml", "uv run tdsp check", "uv run tdsp lint", "No such command 'lint'"),
    "a command below another that tdsp lacks": ("ci.yml", "tdsp data look", "tdsp data see", "No such command 'see'"),
    "an option that tdsp lacks": ("train.yml", "--wait", "--watch", "No such option '--watch'"),
    "an argument that tdsp lacks": (
        "rollback.yml",
        'rollback --env "$TDSP_ENV"',
        "rollback dev",
        "unexpected extra argument",
    ),
    "a program that the project lacks": ("ci.yml", "uv run mypy", "uv run flake8", "uv run flake8 is none of"),
    "a password": (VARIABLES, 'PYTHONUTF8: "1"', "API_KEY: 3f9a8b7c6d5e4f3a2b1c", "looks like a secret"),
    "a token left on the machine": (SETUP, "persistCredentials: false", "persistCredentials: true", "leaves its token"),
}


@pytest.mark.parametrize(("name", "old", "new", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_noticed(broken, name, old, new, said):
    found = checks.problems(broken(name, old, new))
    assert any(said in line for line in found), found


def test_a_template_that_nobody_uses_is_noticed(broken):
    copy = broken("ci.yml", "Check", "Look")
    (copy / "templates" / "old.yml").write_text("steps: []\n")
    assert checks.problems(copy) == ["templates/old.yml: no pipeline uses it"]
