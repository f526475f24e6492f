"""Load a hook as cookiecutter does: rendered with the answers, then run as a script on its own."""

from pathlib import Path
from types import ModuleType

from cookiecutter.utils import create_env_with_context

# The answers of a person who only presses Enter, as hooks see them.
ANSWERS = {
    "project_name": "Disease Progression",
    "project_slug": "disease-progression",
    "business_question": "Which patients will need closer care in a year?",
    "owner": "contoso",
    "task": "regression",
    "azureml_workspace": "decide-later",
    "azure_region": "westeurope",
    "ci": "github-actions",
    "license": "MIT",
    "__other_ci": ".azuredevops",
    "__workspace_id": "decide-later",
}


def load_hook(name: str, template: Path, **answers: str) -> ModuleType:
    """Return the hook `name` as a module, made for `answers`."""
    context = {"cookiecutter": ANSWERS | answers}
    source = (template / "hooks" / f"{name}.py").read_text(encoding="utf-8")
    rendered = create_env_with_context(context).from_string(source).render(**context)
    module = ModuleType(name)
    exec(compile(rendered, f"{name}.py", "exec"), module.__dict__)
    return module
