"""`tdsp serve` and `tdsp score`."""

from pathlib import Path
from typing import Annotated

import typer

PORT = 5001


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command()(serve)
    app.command()(score)


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
    from tdsp.project import find_root
    from tdsp.serving.server import running

    root = find_root()
    folder, name = (model, str(model)) if model else _champion(root)
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


def score(
    file: Annotated[Path, typer.Argument(help="JSON request, or CSV with the model's columns.")],
    url: Annotated[str, typer.Option(help="Where the rows are sent.")] = f"http://127.0.0.1:{PORT}/score",
) -> None:
    """Send rows to the running server and print its predictions.

    A JSON file is sent as it is (`{"data": [{column: value, …}, …]}`) and the answer printed as JSON. A CSV
    file is sent in parts, without columns the champion does not take, and answered as CSV with one line per
    row. Nothing is written but standard output.

    For example:

    - `tdsp score scoring/sample-request.json`
    - `tdsp score data/raw/new-patients.csv > predictions.csv`
    """
    from tdsp.errors import WrongInput
    from tdsp.serving import client

    if not file.is_file():
        raise WrongInput(f"{file} does not exist")
    if file.suffix.lower() == ".json":
        import json

        typer.echo(json.dumps(client.predict(url, file.read_bytes()), ensure_ascii=False))
    elif file.suffix.lower() in (".csv", ".tsv", ".txt"):
        _score_csv(file, url)
    else:
        raise WrongInput(f"{file}: give a .json or a .csv file")


def _score_csv(file: Path, url: str) -> None:
    import csv
    import json
    import sys

    from tdsp.project import find_root
    from tdsp.serving import client

    folder, _ = _champion(find_root())
    features = json.loads((folder / "contract.json").read_text(encoding="utf-8"))["features"]
    batches, left_out = client.read_csv(file, features)
    if left_out:
        typer.echo(f"left out, as the model does not take them: {', '.join(left_out)}", err=True)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for number, line in enumerate(client.predict_all(url, batches)):
        if number == 0:
            out.writerow(line)
        out.writerow(line.values())


def _check(root: Path, folder: Path, name: str) -> None:
    from tdsp.errors import TdspError
    from tdsp.serving.check import check
    from tdsp.serving.server import running

    with running(root, folder) as server:
        typer.echo(f"checking {name} at {server.score}")
        wrong = 0
        for result in check(server.score, folder, root / "scoring" / "sample-request.json", root / "scoring"):
            wrong += bool(result.problem)
            typer.echo(f"{'NOT OK' if result.problem else 'OK':6} {result.status} {result.name}: {result.detail}")
            if result.problem:
                typer.echo(f"       {result.problem}")
    if wrong:
        raise TdspError(f"{wrong} of the answers are not as they should be; the server's log is {server.log}")
    typer.echo("all answers are as they should be")


def _champion(root: Path) -> tuple[Path, str]:
    """Return the champion's folder and what to call it."""
    from tdsp import project, registry, tracking
    from tdsp.cli.lifecycle import CHAMPION
    from tdsp.errors import WrongInput

    uri, slug = tracking.uri(root), project.load(root / project.FILE).project.slug
    version = registry.champion(uri, slug)
    if version is None:
        raise WrongInput(f"{slug} has no champion yet: train one with `tdsp run`")
    return registry.fetch(uri, version, root / CHAMPION), str(version)
