"""The one way to Azure: credential, `MLClient`, and what its errors mean for the user."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import project
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_SUBSCRIPTION = re.compile(
    r"(?i)(subscriptions?(?: with)?[ _-]?(?:id)?[/ '\":=]+)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_SIGNATURE = re.compile(
    r"(?i)\b(sig|signature|sharedaccesskey|accountkey)=[^&\s'\"]+|\bBearer\s+[\w.~+/-]{20,}=*|\beyJ[\w-]{10,}(\.[\w-]+)+"
)
_ACTION = re.compile(r"perform action '([^']+)' over scope '([^']+)'")  # what Azure says to whom lacks a role
_SCOPES = tuple(f"https://{name}/.default" for name in ("management.azure.com", "ml.azure.com", "storage.azure.com"))
_ID_LENGTH = 36
_INSTALL = "uv sync --extra azure"
_AND_INSTALL = f"; `{_INSTALL}` installs what talks to Azure"
_PRIVATE: set[str] = set()  # subscriptions that project.yml names, told by `target`
_MARGIN = 300  # seconds that a token must still be good for
FORBIDDEN = 403


class RefusedError(TdspError):
    """A service did not do what it was asked.

    Attributes:
        status: of its answer; None when there was none.
    """

    def __init__(self, message: str, status: int | None):
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Target:
    """The workspace behind one environment of `project.yml`.

    Attributes:
        env: `dev` or `prod`.
        slug: the project's name in the service.
        place: subscription, resource group, workspace and region.
    """

    env: str
    slug: str
    place: project.Environment

    @property
    def group_id(self) -> str:
        """Resource id of the resource group."""
        return f"/subscriptions/{self.place.subscription_id}/resourceGroups/{self.place.resource_group}"

    @property
    def workspace_id(self) -> str:
        """Resource id of the workspace."""
        return f"{self.group_id}/providers/Microsoft.MachineLearningServices/workspaces/{self.place.workspace}"

    def __str__(self) -> str:
        return f"{self.place.workspace} ({self.env}, {self.place.region})"


def target(root: Path, env: str) -> Target:
    """Return the workspace of `env`.

    Raises:
        WrongInput: there is no such environment, or no workspace was chosen for it yet.
    """
    facts = project.load(root / project.FILE)
    _PRIVATE.update(
        item.subscription_id for item in facts.environments.values() if len(item.subscription_id) == _ID_LENGTH
    )
    place = facts.environments.get(env)  # type: ignore[call-overload]
    if place is None:
        raise WrongInput(f"{project.FILE} has no environment {env!r}; it has {', '.join(facts.environments)}")
    empty = [key for key, value in place.model_dump().items() if not value]
    if empty:
        raise WrongInput(
            f"{project.FILE}: environments.{env} has no {', '.join(empty)} yet: the workspace's page in the Azure "
            f"portal shows each; infra/README.md makes a workspace{_AND_INSTALL if not _installed() else ''}"
        )
    return Target(env, facts.project.slug, place)


def _installed() -> bool:
    """Tell whether the packages that talk to Azure are there, without importing them."""
    return importlib.util.find_spec("azure") is not None and importlib.util.find_spec("azure.ai.ml") is not None


class Credential:
    """Who the user is: a federated token, a managed identity, or `az login`, whichever is there.

    Keeps each token in memory until shortly before it ends: asking the Azure CLI takes half a second every
    time.
    """

    def __init__(self) -> None:
        """Ask nobody yet."""
        from azure.identity import DefaultAzureCredential

        self._source, self._tokens = DefaultAzureCredential(), {}

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token for `scopes`, as the SDK asks for it."""
        key = (scopes, tuple(sorted((name, str(value)) for name, value in options.items())))
        token = self._tokens.get(key)
        if token is None or token.expires_on < time.time() + _MARGIN:
            token = self._tokens[key] = self._source.get_token(*scopes, **options)
        return token


def sign_in() -> None:
    """Make sure that Azure knows who the user is, before anything is asked that would each time say that it does not.

    Raises:
        TdspError: it does not.
    """
    with speaking("Azure"):
        credential().get_token(_SCOPES[0])


def stay_signed_in() -> None:
    """Ask for every token that a long wait may need later.

    A workflow's proof of who it is lasts minutes, the tokens it is given for it last hours.
    """
    for scope in _SCOPES:
        with speaking("sign-in"):
            credential().get_token(scope)


@functools.cache
def credential() -> Credential:
    """Return the one credential of this process."""
    return Credential()


def connect(where: Target) -> MLClient:
    """Return a client of the workspace; nothing is sent yet.

    Raises:
        WrongInput: the packages that talk to Azure are not installed.
    """
    logging.disable(logging.CRITICAL)  # the SDK logs what it raises as well, and its own preview classes
    try:
        from azure.ai.ml import MLClient
    except ImportError as error:
        raise WrongInput(f"{error.name} is not installed: run `{_INSTALL}`") from None
    _end_failed_uploads()
    place = where.place
    return MLClient(
        credential(),
        place.subscription_id,
        place.resource_group,
        place.workspace,
        show_progress=False,
        enable_telemetry=False,
    )


def connect_registry(name: str) -> MLClient:
    """Return a client of a registry that workspaces share.

    Raises:
        TdspError: there is none of this name, or it cannot be seen.
    """
    from azure.ai.ml import MLClient

    with speaking(f"registry {name}"):
        return MLClient(credential(), registry_name=name, show_progress=False, enable_telemetry=False)


def _end_failed_uploads() -> None:
    """Make a failed upload an error.

    `azure-ai-ml` 1.34.1 drops what goes wrong in its uploading threads, then sleeps until all files have arrived: for
    ever. When it begins to sleep its threads have ended, so the first sleep means that a file is missing.
    """
    from types import SimpleNamespace

    from azure.ai.ml._artifacts import _blob_storage_helper, _gen2_storage_helper
    from azure.core.exceptions import AzureError

    def give_up(_seconds: float) -> None:
        raise AzureError("a file could not be uploaded to the workspace's storage")

    for module in (_blob_storage_helper, _gen2_storage_helper):
        module.time = SimpleNamespace(sleep=give_up)


def redact(text: str) -> str:
    """Return `text` without subscription ids, signatures and tokens: it may end in a public log."""
    for name in _PRIVATE:
        text = re.sub(re.escape(name), "***", text, flags=re.IGNORECASE)
    return _SIGNATURE.sub("***", _SUBSCRIPTION.sub(r"\1***", text))


def in_public() -> bool:
    """Tell whether what is printed may be read by others: a CI log."""
    return any(os.environ.get(name) for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"))


@contextlib.contextmanager
def speaking(what: str) -> Iterator[None]:
    """Turn any error of Azure's packages inside the block into one line that begins with `what`.

    Raises:
        RefusedError: instead of the original.
    """
    from azure.core.exceptions import AzureError
    from marshmallow import ValidationError

    try:
        yield
    except AzureError as error:
        raise RefusedError(f"{what}: {_sentence(error)}", status_of(error)) from None
    except ValidationError as error:
        raise WrongInput(f"{what}: {redact(' '.join(str(error).split()))}") from None
    except KeyError as error:  # `azure-ai-ml` 1.34.1 takes any answer about a workspace's addresses for the addresses
        if type(error.args[0]).__name__ != "WorkspaceDiscoveryUrlKey":
            raise
        raise TdspError(f"{what}: the addresses of the workspace are not told: run the same command again") from None


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error of Azure's packages, None when there was no answer."""
    return getattr(error, "status_code", None)


def _sentence(error: Exception) -> str:
    text = redact(" ".join(str(getattr(error, "message", "") or error).split()))[:600]
    if "alter this storage account" in text:  # so the SDK says it, without the status of the answer
        return "you lack a role for this: ask an Owner for Storage Blob Data Contributor on the workspace's storage"
    if "az login" in text or "DefaultAzureCredential failed" in text:
        first = "" if shutil.which("az") else "install the Azure CLI (https://aka.ms/azure-cli), "
        return f"not signed in: {first}run `az login`, then again"
    if status_of(error) is None and ("Failed to establish" in text or "Max retries" in text):
        return "Azure cannot be reached: check the network, then run the same command again"
    return advised(text, status_of(error))


def advised(text: str, status: int | None) -> str:
    """Return a service's words with what the user can do about its status; None is no answer at all."""
    if status == FORBIDDEN and (lacking := _ACTION.search(text)):
        return redact(f"you lack a role for this: ask an Owner for one with {lacking[1]} on {lacking[2]}")
    advice = {
        401: "the sign-in has expired or belongs to another tenant: run `az login`",
        403: "you lack a role for this: ask an owner of it",
        409: "another operation is under way: wait a minute, then run the same command again",
        429: "the service asks to slow down: wait a minute, then run the same command again",
    }.get(status or 0)
    if advice is None and (status is None or status >= 500):
        advice = "run the same command again"
    return f"{redact(text)} ({advice})" if advice else redact(text)
