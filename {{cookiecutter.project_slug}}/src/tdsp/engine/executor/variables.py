"""A clean environment for steps: what a program needs to run here, and nothing of the user's secrets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tdsp.engine.executor import pipguard

_ALLOWED = {
    "CONDA_PREFIX", "CUDA_VISIBLE_DEVICES", "CURL_CA_BUNDLE", "DISPLAY", "DO_NOT_TRACK", "HOME", "HOSTNAME",
    "JAVA_HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "NUMBER_OF_PROCESSORS", "PATHEXT",
    "REQUESTS_CA_BUNDLE", "SHELL", "SPARK_HOME", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMDRIVE",
    "SYSTEMROOT", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER", "USERPROFILE", "VIRTUAL_ENV", "WINDIR",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
}  # fmt: skip
NO_REPORTS = {"MLFLOW_DISABLE_TELEMETRY": "true"}  # MLflow reports its use unless told not to
_ALLOWED_STARTS = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "NVIDIA_")


def clean(guard: Path | None = None, outside: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables every step starts with.

    A proxy's password is a secret too.
    `python` in a command is the interpreter that runs the engine: its folder comes first on `PATH`.

    Args:
        guard: folder made by `pipguard.write`, put before everything else.
        outside: the variables to choose from; this process's own by default.
    """
    source = os.environ if outside is None else outside
    chosen = {name: value for name, value in source.items() if name in _ALLOWED or name.startswith(_ALLOWED_STARTS)}
    for name in chosen:
        if name.lower().endswith("_proxy"):
            chosen[name] = without_login(chosen[name])
    places = [str(Path(sys.executable).parent), source.get("PATH", os.defpath)]
    if guard is not None:
        chosen |= pipguard.variables(guard)
        places.insert(0, chosen["PATH"])
    chosen["PATH"] = os.pathsep.join(places)
    chosen |= {name: source.get(name, value) for name, value in NO_REPORTS.items()}
    chosen["PYTHONUNBUFFERED"] = "1"  # so that a log shows what happened before a kill
    chosen["PYTHONDONTWRITEBYTECODE"] = "1"  # a snapshot is used once
    chosen["PYTHONIOENCODING"] = "utf-8"
    return chosen


def without_login(text: str) -> str:
    """Return a text without the user and password of the addresses in it."""
    return re.sub(r"(?<=//)[^/@\s]*@", "", text)


def with_declared(base: dict[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """Return `base` with a step's own variables; its `PYTHONPATH` and `PATH` keep the guard in front."""
    merged = {**base, **declared}
    for name in ("PATH", "PYTHONPATH"):
        if name in declared and name in base:
            merged[name] = os.pathsep.join((base[name], declared[name]))
    return merged


def tracking(uri: str, outside: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a step needs to reach an MLflow store: its address and, for a server, the login."""
    source = os.environ if outside is None else outside
    login = {name: value for name, value in source.items() if name.startswith("MLFLOW_TRACKING_")}
    return {**(login if uri.startswith("http") else {}), "MLFLOW_TRACKING_URI": uri}
