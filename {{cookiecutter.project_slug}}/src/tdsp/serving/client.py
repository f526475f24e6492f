"""Talk to a scoring server: send rows, read predictions or the sentence that says what is wrong."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tdsp import tables
from tdsp.errors import TdspError, WrongInput

BATCH = 5000  # rows of a CSV in one request; score.py takes more, a managed endpoint 1.5 MB
TIMEOUT = 120
TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    content: Any  # parsed JSON, None when it was none

    @property
    def sentence(self) -> str:
        """The scoring script's own error in the answer, empty when there is none."""
        error = self.content.get("error", "") if isinstance(self.content, dict) else ""
        return error if isinstance(error, str) else ""  # the front of an endpoint in Azure sends an object


def send(url: str, body: bytes | None, method: str = "POST", token: str = "") -> Answer:
    """Send one request and return the answer, whatever its status.

    Args:
        url: where to.
        body: JSON; None for a request without.
        method: of HTTP.
        token: of who asks, for an endpoint that wants to know.

    Raises:
        TdspError: no server answers at `url`.
        WrongInput: `url` is not an http address.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise WrongInput(f"{url} is not an address: give one like http://127.0.0.1:5001/score")
    # Local addresses never go through a proxy; S310 is settled by the line above.
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - the line above
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, _parsed(answer.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _parsed(error.read()))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise TdspError(f"no scoring server answers at {url} ({reason}); start one with `uv run tdsp serve`") from None


def predict(url: str, body: bytes, token: str = "") -> dict[str, list]:
    """Send one request and return its predictions.

    Raises:
        WrongInput: the server refused the rows; the message is its sentence.
        TdspError: no server, or it failed.
    """
    answer = send(url, body, token=token)
    if answer.sentence:
        raise WrongInput(answer.sentence)
    if answer.status != 200 or not isinstance(answer.content, dict) or "predictions" not in answer.content:
        refused = "; who is signed in lacks a role that may score there, such as AzureML Data Scientist"
        hint = {401: refused, 403: refused, 404: "; the address ends in /score"}.get(answer.status, "")
        raise TdspError(f"{url} answered with status {answer.status} and no predictions{hint}")
    return answer.content


def predict_all(url: str, batches: Iterable[list[dict[str, Any]]], token: str = "") -> Iterator[dict[str, Any]]:
    """Send batches and yield one flat record per row: `prediction`, and `probability_CLASS` per class.

    Raises:
        WrongInput: the server refused a batch; the message says where that batch begins.
        TdspError: no server, or it failed.
    """
    sent = 0
    for batch in batches:
        try:
            answer = predict(url, json.dumps({"data": batch}).encode(), token)
        except WrongInput as error:
            raise WrongInput(f"{error} (counted from row {sent + 1} of the file)" if sent else str(error)) from None
        sent += len(batch)
        shares = answer.get("probabilities") or [{}] * len(batch)
        for prediction, share in zip(answer["predictions"], shares, strict=True):
            yield {"prediction": prediction} | {f"probability_{name}": value for name, value in share.items()}


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def read_csv(file: Path, features: Sequence[dict]) -> tuple[Iterator[list[dict[str, Any]]], list[str]]:
    """Read the rows of a CSV file in batches of `BATCH`, with each cell in its feature's type.

    An empty cell (see `tdsp.tables`) is null. A cell that does not look like its type stays text, so that the
    server names it. Columns that are not features (the target, say) are left out.

    Args:
        file: with a header, see `tdsp.tables`.
        features: of the model's `contract.json`.

    Returns:
        The batches, and the names of the columns left out.

    Raises:
        WrongInput: it cannot be read as CSV, or none of its columns is a feature.
    """
    known = {feature["name"]: feature for feature in features}
    header = tables.columns(file)
    if not known.keys() & set(header):
        raise WrongInput(f"{file}: none of its columns is one the model takes: {', '.join(known)}")
    rows = _rows(file, header, known, tables.decimal_mark(file))
    batches = iter(lambda: list(islice(rows, BATCH)), [])
    return batches, [name for name in header if name not in known]


def _rows(file: Path, header: list[str], known: dict[str, dict], decimal: str) -> Iterator[dict[str, Any]]:
    for number, cells in enumerate(islice(tables.csv_rows(file), 1, None), 1):
        if not cells:
            continue
        if len(cells) != len(header):
            raise WrongInput(f"{file}: row {number} has {len(cells)} cells, the header has {len(header)}")
        yield {
            name: _value(cell, known[name], decimal) for name, cell in zip(header, cells, strict=True) if name in known
        }


def _value(cell: str, feature: dict[str, Any], decimal: str) -> Any:
    kind, named = feature["type"], feature["categories"] or ()
    if cell in tables.NULLS and cell not in named:
        return None
    if kind == "boolean":
        return TRUTH.get(cell.lower(), cell)
    if kind not in ("integer", "float") or (decimal == "," and "." in cell):
        return cell
    number = cell.replace(decimal, ".")
    try:
        # 3.0 is what pandas writes beside gaps
        return int(number) if kind == "integer" and number.lstrip("-").isdecimal() else float(number)
    except ValueError:
        return cell
