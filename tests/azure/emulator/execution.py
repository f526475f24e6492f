"""Runs one command of a job: folders for its inputs and outputs, its variables, its log."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import files, job_identity
from emulator.directory import MACHINE_LEARNING
from emulator.history import Run, write_log

if TYPE_CHECKING:
    from emulator.cloud import Cloud

LITERALS = ("number", "integer", "boolean", "string", "literal")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]")
BINDING = re.compile(r"\$\{\{\s*((?:inputs|outputs)\.\w+)\s*\}\}")
LAST_LINES = 5
# Variables of this process that a command in the cloud does not see.
PRIVATE = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "MLFLOW_RUN_ID",
    "AZURE_CONFIG_DIR",
    "AZURE_TOKEN_CREDENTIALS",
)


class JobError(Exception):
    """A job cannot go on; the text is what the user sees."""


def execute(
    cloud: Cloud, run: Run, spec: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, str], python: str
) -> None:
    """Run one command where its inputs and outputs are folders of this machine.

    Args:
        cloud: the tenant.
        run: gets status, logs and outputs.
        spec: the command with its code, inputs and outputs, in the form of a component.
        inputs: name -> literal or address.
        outputs: name -> address, for those that do not go to the default place.
        python: interpreter whose folder comes first on PATH.

    Raises:
        JobError: the command failed.
        LookupError, FileNotFoundError: an input is not there.
    """
    work = Path(tempfile.mkdtemp(prefix="job-", dir=cloud.folder))
    try:
        code = work / "code"
        code.mkdir()
        if spec.get("code"):
            files.pull(cloud, files.locate(cloud, run.workspace_id, spec["code"]), code)
        values = _fetch(cloud, run, spec, inputs, work / "inputs")
        for name, kind in (spec.get("outputs") or {}).items():
            place = work / "outputs" / name
            (place.parent if kind.get("type") == "uri_file" else place).mkdir(parents=True, exist_ok=True)
            values[f"outputs.{name}"] = str(place)
        variables = {**_service(cloud, run), **(spec.get("environment_variables") or {})}
        _shell(cloud, run, _fill(spec["command"], values), code, python, variables)
        for name in spec.get("outputs") or {}:
            default = f"azureml://datastores/workspaceblobstore/paths/azureml/{run.name}/{name}"
            address = outputs.get(name, default)
            if (work / "outputs" / name).exists():
                files.push(cloud, work / "outputs" / name, files.locate(cloud, run.workspace_id, address))
                run.outputs[name] = address
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _shell(cloud: Cloud, run: Run, command: str, folder: Path, python: str, variables: dict[str, str]) -> None:
    """Run a command line as the service does, in bash, and keep what it prints as the run's log."""
    environment = {key: text for key, text in os.environ.items() if key.upper() not in PRIVATE}
    environment["PATH"] = f"{Path(python).parent}{os.pathsep}{environment['PATH']}"
    environment |= {"PYTHONUNBUFFERED": "1", **{key: str(text) for key, text in variables.items()}}
    printed = f"$ {command}\n"
    write_log(cloud, run, "user_logs/std_log.txt", printed)
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    run.stop = functools.partial(os.killpg, process.pid, signal.SIGTERM)
    for line in process.stdout or ():
        printed += line
        write_log(cloud, run, "user_logs/std_log.txt", printed)
    code, run.stop = process.wait(), None
    if code:
        last = " | ".join(printed.strip().splitlines()[-LAST_LINES:])
        raise JobError(f"the command ended with exit code {code}: {last}")


def _service(cloud: Cloud, run: Run) -> dict[str, str]:
    """Return the variables by which a command finds its run, its tracking server and its tokens."""
    cloud.tracking.begin(run)
    workspace = cloud.resources[run.workspace_id]
    submitter = cloud.directory.get(run.submitter)
    token = cloud.directory.token(submitter, MACHINE_LEARNING[0]) if submitter else ""
    return {
        "AZUREML_RUN_ID": run.name,
        "AZUREML_ROOT_RUN_ID": run.parent or run.name,
        "MLFLOW_RUN_ID": run.name,
        "MLFLOW_EXPERIMENT_NAME": run.experiment,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_TRACKING_URI": workspace["properties"]["mlFlowTrackingUri"],
        "OBO_ENDPOINT": job_identity.address(run.name),
        **cloud.environment,
    }


def _fetch(cloud: Cloud, run: Run, spec: dict[str, Any], inputs: dict[str, Any], folder: Path) -> dict[str, str]:
    """Copy the inputs that are data; return what each input's name stands for."""
    values = {}
    for name, kind in (spec.get("inputs") or {}).items():
        value = inputs.get(name, kind.get("default"))
        if value is None:
            continue
        if kind.get("type") not in LITERALS:
            value = files.pull(cloud, files.locate(cloud, run.workspace_id, str(value)), folder / name)
        values[f"inputs.{name}"] = str(value)
    return values


def _fill(command: str, values: dict[str, str]) -> str:
    """Put values into a command line; an optional part goes when one of its values is not there."""

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(name in values for name in BINDING.findall(match[1])) else ""

    return BINDING.sub(lambda match: values[match[1]], OPTIONAL.sub(optional, command))
