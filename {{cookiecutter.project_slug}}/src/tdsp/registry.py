"""The model registry: MLflow's, local or on a server. The alias `champion` names the model in use.

A local store is read with plain SQL, which takes a millisecond; importing MLflow takes a second. Anything
that writes, and any server, goes through MLflow's client. A test holds the two readers together.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from tdsp import files
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
MODEL_DIGEST = "tdsp.model_sha256"
_METADATA = "registered_model_meta"  # MLflow's download adds this file to a model


@dataclass(frozen=True)
class Version:
    """One registered version of a model.

    Attributes:
        name: the registered model.
        number: its version, from 1.
        champion: whether the alias `champion` names it.
        created: when it was registered (UTC).
        source: where MLflow says its files are: a path, or an address.
        tags: lineage and metrics; the keys begin with `tdsp.`.
    """

    name: str
    number: int
    champion: bool
    created: datetime
    source: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


def versions(uri: str, name: str) -> list[Version]:
    """Return all versions of a model, newest first; none without the model or the local store.

    Args:
        uri: MLflow tracking URI.
        name: of the registered model.

    Raises:
        TdspError: the registry cannot be read.
    """
    if _in_azure(uri):
        return _from_azure(uri, name)
    return _from_sqlite(_database(uri), name) if _database(uri) else _from_client(uri, name)


def champion(uri: str, name: str) -> Version | None:
    """Return the version that the alias `champion` names, if there is one."""
    return next((version for version in versions(uri, name) if version.champion), None)


def fetch(uri: str, version: Version, home: Path) -> Path:
    """Return a folder in `home` with the files of a version, copied unless they are there already.

    The folder appears in one rename. One whose digest is not the registered one (another registry, a damaged
    file) is replaced.

    Raises:
        TdspError: the registry no longer has the files, or they are not those that were registered.
    """
    if _in_azure(uri):
        from tdsp import registry_azure

        with registry_azure.speaking():
            workspace = registry_azure.workspace_of(uri)
            return registry_azure.fetch(workspace, workspace.models.get(version.name, str(version.number)), home)
    folder, digest = home / f"{version.name}-v{version.number}", version.tags.get(MODEL_DIGEST)
    if digest and folder.is_dir() and files.sha256_of(folder) == digest:
        return folder
    try:
        _bring(uri, version, folder, digest)
    except OSError:  # another command may have brought the same files meanwhile
        if not (digest and folder.is_dir() and files.sha256_of(folder) == digest):
            raise
    return folder


def _bring(uri: str, version: Version, folder: Path, digest: str | None) -> None:
    with files.replace_folder(folder) as aside:
        if _database(uri) and Path(version.source).is_absolute():
            if not Path(version.source).is_dir():
                raise TdspError(f"the files of {version} are gone: {version.source} does not exist")
            shutil.copytree(version.source, aside, dirs_exist_ok=True)
        else:
            _download(uri, version, aside)
        if digest and files.sha256_of(aside) != digest:
            raise TdspError(f"the files of {version} are not those that were registered ({version.source})")


def register(uri: str, name: str, model: Path, tags: Mapping[str, str], run_id: str | None) -> Version:
    """Make `model` a version of `name` and its champion; safe to repeat after being killed at any point.

    The files are logged to a run, then the version is created from them (unless one with the same digest
    exists), and the alias moves last: until then the old champion stays.

    Args:
        uri: MLflow tracking URI.
        name: of the registered model.
        model: MLflow model folder.
        tags: what to remember; `tdsp.model_sha256` is added.
        run_id: the MLflow run that made it; a new one is opened when None.

    Raises:
        TdspError: the registry refused, or gave no answer.
    """
    digest = files.sha256_of(model)
    tags = {**tags, MODEL_DIGEST: digest}
    if _in_azure(uri):
        from tdsp import registry_azure

        with registry_azure.speaking():
            number = registry_azure.register_output(uri, name, digest, tags)
    else:
        with _one_line(uri):
            number = _insist(uri, lambda: _register(uri, name, model, tags, run_id))
    return next(version for version in versions(uri, name) if version.number == number)


def crown(uri: str, name: str, number: int | None) -> Version | None:
    """Make a version the champion, whatever the gate says of it; None takes the alias away.

    Returns:
        The champion before, None if there was none.

    Raises:
        WrongInput: there is no such version.
        TdspError: the registry refused, or gave no answer.
    """
    known = versions(uri, name)
    if number is not None and number not in (version.number for version in known):
        there = ", ".join(f"v{version.number}" for version in known) or "none"
        raise WrongInput(f"there is no version {number} of {name}; there is {there}")
    before = next((version for version in known if version.champion), None)
    with _one_line(uri):
        from mlflow import MlflowClient

        client = MlflowClient(uri, registry_uri=uri)
        if number is not None:
            client.set_registered_model_alias(name, ALIAS, str(number))
        elif before:
            client.delete_registered_model_alias(name, ALIAS)
    return before


def _insist(uri: str, act: Callable[[], int], turns: int = 3) -> int:
    """Do again what a local store refused: another process may have made the same thing between a look and a write.

    A server is asked once; MLflow's client insists by itself there.
    """
    from mlflow.exceptions import MlflowException

    while turns := turns - 1:
        try:
            return act()
        except MlflowException:
            if not _database(uri):
                raise
    return act()


@contextlib.contextmanager
def _one_line(uri: str) -> Iterator[None]:
    """Turn what MLflow's client raises, a network that fails included, into one line."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TdspError(f"{uri}: the registry gave no answer ({reason})") from None


def _register(uri: str, name: str, model: Path, tags: Mapping[str, str], run_id: str | None) -> int:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri, registry_uri=uri)
    known = (v.number for v in versions(uri, name) if v.tags.get(MODEL_DIGEST) == tags[MODEL_DIGEST])
    number = next(known, None)
    if number is None:
        with contextlib.suppress(MlflowException):  # it exists; anything worse shows in the next call
            client.create_registered_model(name)
        run = run_id or client.create_run(_experiment(client, uri, name)).info.run_id
        client.log_artifacts(run, str(model), "model")
        number = int(client.create_model_version(name, f"runs:/{run}/model", run, tags=tags).version)
        if run != run_id:
            client.set_terminated(run)
    else:
        for key, value in tags.items():
            client.set_model_version_tag(name, str(number), key, value)
    client.set_registered_model_alias(name, ALIAS, str(number))
    return number


def _in_azure(uri: str) -> bool:
    """Tell whether the registry is a workspace's; Azure ML names it so in each job's `MLFLOW_TRACKING_URI`."""
    return uri.startswith("azureml:")


def _from_azure(uri: str, name: str) -> list[Version]:
    from tdsp import registry_azure

    with registry_azure.speaking():
        workspace = registry_azure.workspace_of(uri)
        known, crowned = registry_azure.versions(workspace, name), registry_azure.champion(workspace, name)
        return [
            Version(
                name,
                registry_azure.number(model),
                crowned is not None and model.version == crowned.version,
                model.creation_context.created_at,
                model.path,
                dict(model.tags or {}),
            )
            for model in known
        ]


def _database(uri: str) -> Path | None:
    """Return the file behind a SQLite URI, None for a server."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _path(source: str) -> str:
    return url2pathname(urlsplit(source).path) if source.startswith("file:") else source


def _from_sqlite(database: Path, name: str) -> list[Version]:
    if not database.is_file():
        return []
    try:
        with contextlib.closing(
            # not mode=ro: whoever reads first after a writer was killed takes back what it left half-written
            sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True, timeout=30)
        ) as reader:
            aliased = reader.execute(
                "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?", (name, ALIAS)
            ).fetchone()
            rows = reader.execute(
                "SELECT v.version, v.creation_time, v.source, r.run_uuid, r.artifact_uri"
                " FROM model_versions v LEFT JOIN runs r ON r.run_uuid = v.run_id"
                " WHERE v.name = ? AND v.current_stage <> 'Deleted_Internal' ORDER BY v.version DESC",
                (name,),
            ).fetchall()
            tags: dict[int, dict[str, str]] = {}
            for number, key, value in reader.execute(
                "SELECT version, key, value FROM model_version_tags WHERE name = ?", (name,)
            ):
                tags.setdefault(number, {})[key] = value
    except sqlite3.Error as error:
        raise TdspError(f"{database}: cannot be read as an MLflow store ({error})") from None
    return [
        Version(
            name,
            number,
            bool(aliased) and aliased[0] == number,
            datetime.fromtimestamp(created / 1000, UTC),
            _path(source.replace(f"runs:/{run}", artifacts, 1) if run else source),
            tags.get(number, {}),
        )
        for number, created, source, run, artifacts in rows
    ]


def _from_client(uri: str, name: str) -> list[Version]:
    from mlflow import MlflowClient

    client = MlflowClient(uri, registry_uri=uri)
    with _one_line(uri):
        aliases = {
            alias: int(number)
            for m in client.search_registered_models(f"name = '{name}'")
            for alias, number in m.aliases.items()
        }
        found = client.search_model_versions(f"name = '{name}'")
        # The list leaves out tags on some servers; asking for the version itself never does.
        whole = [client.get_model_version(name, version.version) for version in found]
        sources = [client.get_model_version_download_uri(name, version.version) for version in found]
    return sorted(
        (
            Version(
                name,
                int(version.version),
                aliases.get(ALIAS) == int(version.version),
                datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                source,
                dict(version.tags),
            )
            for version, source in zip(whole, sources, strict=True)
        ),
        key=lambda version: -version.number,
    )


def _download(uri: str, version: Version, target: Path) -> None:
    """Bring a version's files from wherever its registry keeps them."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as scratch:
        try:
            brought = download_artifacts(artifact_uri=version.source, dst_path=scratch, tracking_uri=uri)
        except (MlflowException, OSError) as error:
            raise TdspError(f"the files of {version} cannot be had: {str(error).splitlines()[0]}") from None
        shutil.copytree(brought, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_METADATA))


def _experiment(client: MlflowClient, uri: str, name: str) -> str:
    """Return the experiment for a model registered outside any run."""
    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    database = _database(uri)  # left to itself MLflow would put a local store's artifacts into the current folder
    return client.create_experiment(name, str(database.parent / "artifacts" / name) if database else None)
