"""`tdsp serve`: the scoring server on this machine."""

from pathlib import Path
from typing import Annotated

import typer

PORT = 5001


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command()(serve)


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen, on this machine only.")] = PORT,
    model: Annotated[Path | None, typer.Option(help="Folder of a model to serve instead of the champion.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Start on a free port, try every case, stop.")] = False,
) -> None:
    """Serve the champion with scoring/score.py under Azure ML's own inference server.

    The server runs in an environment of its own, `scoring/.venv`, built on first use. It answers on this
    machine only, until Ctrl-C. Its log is `.tdsp/serving/port-PORT.log`.

    `--check` sends the sample request, 10,000 rows, and every kind of mistake the model's contract forbids;
    compares the predictions with those made without a server; prints a line for each; and exits with 1 if one
    is not as it should be.

    For example:

    - `tdsp serve`
    - `tdsp serve --check`
    - `tdsp serve --port 8080 --model .tdsp/runs/RUN/outputs/train/model`, RUN as `.tdsp/runs/latest` says
    """
    from tdsp.cli.lifecycle import champion
    from tdsp.project import find_root
    from tdsp.serving.server import running

    root = find_root()
    folder, name = (model, str(model)) if model else champion(root)
    if check:
        _check(root, folder, name)
        return
    try:
        with running(root, folder, port) as server:
            typer.echo(f"serving {name} at {server.score}")
            typer.echo(f"send rows: uv run tdsp score scoring/sample-request.json --url {server.score}")
            typer.echo(f"log: {server.log}\nstop: Ctrl-C")
            server.wait()
    except KeyboardInterrupt:
        typer.echo("stopped")


def _check(root: Path, folder: Path, name: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tdsp.errors import TdspError
    from tdsp.serving.check import cases_for, check
    from tdsp.serving.server import running

    scoring = root / "scoring"
    with ThreadPoolExecutor(1) as beside:
        cases = beside.submit(cases_for, folder, scoring / "sample-request.json", scoring)
        with running(root, folder) as server:
            typer.echo(f"checking {name} at {server.score}")
            wrong = 0
            for result in check(server.score, cases.result()):
                wrong += bool(result.problem)
                typer.echo(f"{'NOT OK' if result.problem else 'OK':6} {result.status} {result.name}: {result.detail}")
                if result.problem:
                    typer.echo(f"       {result.problem}")
    if wrong:
        raise TdspError(f"{wrong} of the answers are not as they should be; the server's log is {server.log}")
    typer.echo("all answers are as they should be")
