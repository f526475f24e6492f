"""Commands about what is registered: `tdsp models` and `tdsp ui`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tdsp.errors import WrongInput

if TYPE_CHECKING:
    from tdsp.registry import Version


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command()(models)
    app.command()(ui)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="For machines: all of it.")] = False,
    champion: Annotated[
        str | None, typer.Option(help="Make this version the champion; `none` lets the one there is go.")
    ] = None,
) -> None:
    """List the registered versions: metric, data, commit; the champion is marked with `*`.

    With `--champion`, decide yourself: go back to an earlier version, or free the place for a model that need not beat
    the one there is. Write down why, in docs/decisions.
    """
    from tdsp import project, registry, tracking

    root = project.find_root()
    facts = project.load(root / project.FILE)
    if champion is not None:
        before = registry.crown(tracking.uri(root), facts.project.slug, _number(champion))
        print(f"champion: {champion} (before: {f'v{before.number}' if before else 'none'})", file=sys.stderr)
    found = registry.versions(tracking.uri(root), facts.project.slug)
    if as_json:
        print(json.dumps([_plain(version) for version in found], indent=2))
    elif not found:
        print(f"no version of {facts.project.slug} is registered yet: uv run tdsp run")
    else:
        print(_table(found, facts.metric))


def _number(text: str) -> int | None:
    """Return the version that `2`, `v2` or `none` stands for."""
    if text == "none":
        return None
    if not (digits := text.removeprefix("v")).isdecimal():
        raise WrongInput(f"--champion {text}: give the number of a version, or none")
    return int(digits)


def ui(port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 5000) -> None:
    """Open MLflow's own pages on this project's runs and models, until Ctrl-C."""
    import importlib.util
    import signal

    from tdsp import project, shell, tracking
    from tdsp.errors import TdspError

    root = project.find_root()
    uri = tracking.uri(root)
    if uri.startswith(("http:", "https:")):
        print(f"MLflow is at {uri}")
        return
    if importlib.util.find_spec("flask") is None:
        raise TdspError("MLflow's pages need the whole of mlflow: run `uv sync` (it is in the group `dev`)")
    if not tracking.is_ready(root):
        tracking.make(root)
    port = shell.free_port(port)
    print(f"MLflow: http://127.0.0.1:{port} (in some seconds; Ctrl-C ends it)", flush=True)
    # Being told to stop must end the server too, so it takes the way of Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = ["-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    server += ["--host", "127.0.0.1", "--port", str(port)]
    log = root / ".tdsp" / "ui.log"  # on the screen it would hide the address
    log.parent.mkdir(exist_ok=True)
    try:
        with log.open("wb") as sink, shell.running(sys.executable, *server, log=sink) as process:
            status = process.wait()
    except KeyboardInterrupt:
        return
    raise TdspError(f"MLflow ended with status {status}; {log} says why")


def _plain(version: Version) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": version.number,
        "champion": version.champion,
        "created": version.created.isoformat(timespec="seconds"),
        "source": version.source,
        "tags": dict(sorted(version.tags.items())),
    }


def _table(versions: list[Version], metric: str) -> str:
    """Return the versions as aligned columns."""
    from tdsp.wording import number

    rows = [("version", metric, "data", "commit", "registered", "started by")]
    for version in versions:
        tags = version.tags
        value = tags.get(f"tdsp.metric.{metric}")
        commit = tags.get("tdsp.commit", "")[:8] + ("+" if tags.get("tdsp.dirty") == "True" else "")
        when = version.created.astimezone().strftime("%Y-%m-%d %H:%M")
        rows.append(
            (
                f"v{version.number}" + (" *" if version.champion else ""),
                number(float(value)) if value else "",
                tags.get("tdsp.data_sha256", "")[:8],
                commit,
                when,
                tags.get("tdsp.started_by", ""),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    lines = ["  ".join(row).rstrip() for row in padded]
    return "\n".join([*lines, "* champion; + with changes that were not committed"])
