"""`tdsp score`: predictions for rows or for whole files, from this machine or from Azure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

LOCAL = "http://127.0.0.1:5001/score"  # where `tdsp serve` listens
PIPELINE = Path("pipelines", "score.yml")
STEP, OUTPUT = "score", "predictions"  # as the pipeline calls them
MISTAKE = "RequestError: "  # what comes before a sentence of scoring/batch.py in a log
ROOM = Path(".tdsp", "batch")


def add_to(app: typer.Typer) -> None:
    """Add this group's command to `app`."""
    app.command()(score)


def score(
    file: Annotated[Path, typer.Argument(help="JSON request, CSV or Parquet file; with --batch also a folder.")],
    url: Annotated[str | None, typer.Option(help=f"Where the rows are sent; {LOCAL} when not given.")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Whole files as a job; write predictions beside them.")
    ] = False,
    env: Annotated[
        str | None, typer.Option("--env", help="Environment of project.yml whose endpoint answers: dev or prod.")
    ] = None,
) -> None:
    """Send rows to a running server and print its predictions, or score whole files as a job.

    A JSON file is sent as it is (`{"data": [{column: value, …}, …]}`) and the answer printed as JSON. A CSV
    file is sent in parts, without columns the champion does not take, and answered as CSV with one line per
    row. Nothing is written but standard output. With `--env` the live endpoint of that environment is asked, as
    whoever is signed in.

    With `--batch`, a CSV or Parquet file or a folder of them is scored by scoring/batch.py: on this machine with
    the champion (`pipelines/score.yml`), with `--env` by the batch endpoint there. FILE.predictions.csv or
    FOLDER.predictions.csv then lies beside it, whole or not at all.

    For example:

    - `tdsp score scoring/sample-request.json`
    - `tdsp score data/raw/new-patients.csv > predictions.csv`
    - `tdsp score scoring/sample-request.json --env dev`
    - `tdsp score data/raw/new-patients.csv --batch`
    - `tdsp score data/new --batch --env dev`
    """
    from tdsp.errors import WrongInput

    if url and (env or batch):
        raise WrongInput("--url is for a single server; leave it out with --env and --batch")
    if batch:
        _batch(file, env)
        return
    if not file.is_file():
        raise WrongInput(f"{file} does not exist" if not file.exists() else f"{file} is a folder: add --batch")
    kind = file.suffix.lower()
    if kind not in (".json", ".csv", ".tsv", ".txt"):
        raise WrongInput(f"{file}: give a .json or a .csv file" + (", or add --batch" if kind == ".parquet" else ""))
    where, token, contract_of = _live(env) if env else (url or LOCAL, "", _local_contract)
    if kind == ".json":
        _score_json(file, where, token)
    else:
        _score_csv(file, where, token, contract_of())


def _live(env: str) -> tuple[str, str, Callable[[], Path]]:
    """Return address and token of the live endpoint, and who brings the contract of its model."""
    from tdsp import project
    from tdsp.azure import client, live

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    now = live.endpoint(ml, where)
    return now.endpoint.scoring_uri, live.token(), lambda: live.model(root, ml, where, now) / "contract.json"


def _local_contract() -> Path:
    from tdsp.cli.lifecycle import champion
    from tdsp.project import find_root

    return champion(find_root())[0] / "contract.json"


def _score_json(file: Path, url: str, token: str) -> None:
    import json

    from tdsp.serving import client

    typer.echo(json.dumps(client.predict(url, file.read_bytes(), token), ensure_ascii=False))


def _score_csv(file: Path, url: str, token: str, contract: Path) -> None:
    import csv
    import json
    import sys

    from tdsp.serving import client

    features = json.loads(contract.read_text(encoding="utf-8"))["features"]
    batches, left_out = client.read_csv(file, features)
    if left_out:
        typer.echo(f"left out, as the model does not take them: {', '.join(left_out)}", err=True)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for number, line in enumerate(client.predict_all(url, batches, token)):
        if number == 0:
            out.writerow(line)
        out.writerow(line.values())


def _batch(given: Path, env: str | None) -> None:
    from tdsp import predictions, project

    root = project.find_root()
    folder, target = predictions.folder_of(given, root / ROOM), predictions.place_for(given)
    found = _by_endpoint(root, folder, env) if env else _here(root, folder)
    lines = predictions.read(found)
    predictions.write(lines, target)
    typer.echo(f"{len(lines):,} rows scored: {target}")


def _here(root: Path, folder: Path) -> Path:
    """Run the pipeline on this machine; return its output."""
    from tdsp.cli import lifecycle
    from tdsp.cli.execution import carry_out
    from tdsp.errors import TdspError

    _, name = lifecycle.champion(root)  # before anything starts
    typer.echo(f"scoring with {name}")
    result, _ = carry_out(root, root / PIPELINE, {"inputs.data": str(folder.resolve())})
    if not result.ok:
        raise TdspError(_mistake(result.folder / "logs" / f"{STEP}.txt"))
    return Path(result.steps[STEP].outputs[OUTPUT])


def _mistake(log: Path) -> str:
    """Return the sentence of scoring/batch.py about what cannot be scored, or where to look."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    said = [line.split(MISTAKE, 1)[1] for line in lines if MISTAKE in line]
    return said[-1] if said else f"nothing was scored; the log is {log}"


def _by_endpoint(root: Path, folder: Path, env: str) -> Path:
    """Let the batch endpoint score a folder; return what it made, brought here."""
    from tdsp.azure import batch, batch_job, client

    where = client.target(root, env)
    ml = client.connect(where)
    return batch_job.score(ml, where, batch.look(ml, where), folder, root / ROOM, say=typer.echo)
