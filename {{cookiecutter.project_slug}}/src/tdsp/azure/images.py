"""The environments that jobs and deployments run in, built from a lock: the same lock is the same environment.

An environment's version is the digest of what it is made of, so it is built once and found again. The base
image's digest is asked of its registry when a version is made and is part of that version for good.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tdsp import shell
from tdsp.azure import client
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ONLINE, BATCH = "deployment.yml", "batch-deployment.yml"  # in scoring/
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def requirements(home: Path, *extras: str) -> list[str]:
    """Return what the `uv.lock` in `home` holds, as pinned requirement lines without addresses.

    Raises:
        WrongInput: there is no lock, or it does not fit `pyproject.toml` any more.
    """
    if not (home / "uv.lock").is_file():
        folder = "" if home == Path() else f" in {home.name}/"
        raise WrongInput(f"no uv.lock{folder}: run `uv lock` there once, and commit what it writes")
    wanted = [word for extra in extras for word in ("--extra", extra)]
    try:
        text = shell.run(
            "uv",
            "export",
            "--locked",
            "--no-dev",
            "--no-emit-project",
            "--no-hashes",
            "--no-header",
            "--no-annotate",
            "--offline",
            "--quiet",
            *wanted,
            cwd=home,
            timeout=120,
        )
    except TdspError as error:
        raise WrongInput(f"uv.lock in {home.name}: {error}; `uv lock` brings it up to date") from None
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-"))]


def training(root: Path, slug: str) -> Image:
    """Return the pipelines' environment: the image of `pipelines/environments/train.yml`, packages of `uv.lock`."""
    definition = root / "pipelines" / "environments" / "train.yml"
    described = yaml.safe_load(definition.read_text(encoding="utf-8"))
    conda = yaml.safe_load((definition.parent / described["conda_file"]).read_text(encoding="utf-8"))
    return Image(f"{slug}-train", described["image"], _with_packages(conda, requirements(root, "azure")))


def serving(root: Path, slug: str) -> Image:
    """Return the endpoints' environment: as `scoring/deployment.yml` says, packages of `scoring/uv.lock` if there."""
    home = root / "scoring"
    image, conda = _described(home / ONLINE)
    if (home / "uv.lock").is_file():
        conda = _with_packages(conda, requirements(home))
    return Image(f"{slug}-serve", image, conda)


def batch(root: Path, slug: str) -> Image:
    """Return the environment of batch deployments: what `scoring/batch-deployment.yml` says."""
    return Image(f"{slug}-batch", *_described(root / "scoring" / BATCH))


def _described(deployment: Path) -> tuple[str, dict[str, Any]]:
    """Return the base image and conda's description that a deployment's YAML names."""
    environment = yaml.safe_load(deployment.read_text(encoding="utf-8"))["environment"]
    conda = deployment.parent / environment["conda_file"]
    return environment["image"], yaml.safe_load(conda.read_text(encoding="utf-8"))


def _with_packages(conda: dict[str, Any], packages: list[str]) -> dict[str, Any]:
    """Return a conda description with other pip packages."""
    plain = [item for item in conda["dependencies"] if isinstance(item, str)]
    return {**conda, "dependencies": [*plain, {"pip": packages}]}


class Image:
    """One environment: a base image and the pinned packages of a lock.

    Attributes:
        name: of the environment in the workspace.
        base: image it is built on.
        conda: conda's description of Python and packages.
        version: digest of the two.
    """

    def __init__(self, name: str, base: str, conda: dict[str, Any]):
        """Name the environment; its version follows from its content."""
        self.name, self.base, self.conda = name, base, conda
        self.version = hashlib.sha256(f"{base}\n{yaml.safe_dump(conda)}".encode()).hexdigest()[:16]

    @property
    def reference(self) -> str:
        """How jobs and deployments name it."""
        return f"azureml:{self.name}:{self.version}"

    def exists(self, ml: MLClient) -> bool:
        """Tell whether the workspace has this version."""
        from azure.core.exceptions import ResourceNotFoundError

        with client.speaking(f"environment {self.name}"):
            try:
                ml.environments.get(self.name, self.version)
            except ResourceNotFoundError:
                return False
        return True

    def make(self, ml: MLClient) -> None:
        """Register this version; the service builds it when it is first used."""
        from azure.ai.ml.entities import Environment

        with client.speaking(f"environment {self.name}"):
            ml.environments.create_or_update(
                Environment(
                    name=self.name,
                    version=self.version,
                    image=pinned(self.base),
                    conda_file=self.conda,
                    description=f"Base {self.base}; packages from uv.lock.",
                )
            )


def pinned(image: str) -> str:
    """Return `image` with the digest that its registry gives for the tag today.

    Raises:
        TdspError: the registry gives none.
    """
    import requests

    if "@sha256:" in image:
        return image
    registry, _, rest = image.partition("/")
    repository, _, tag = rest.partition(":")
    try:
        answer = requests.head(
            f"https://{registry}/v2/{repository}/manifests/{tag or 'latest'}",
            headers={"Accept": ", ".join(_MANIFESTS)},
            timeout=30,
        )
        answer.raise_for_status()
        return f"{registry}/{repository}@{answer.headers['Docker-Content-Digest']}"
    except (requests.RequestException, KeyError) as error:
        raise TdspError(
            f"{registry} gives no digest for {image} ({type(error).__name__}): "
            "run again, or write image@sha256:... yourself"
        ) from None
