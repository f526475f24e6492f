"""The entry script of Azure ML's inference server: `init` loads the model once, `run` answers each request.

The same file serves on a laptop (`tdsp serve`) and on an Azure ML endpoint. A request is
`{"data": [{column: value, …}, …]}`; the answer is `{"predictions": […]}`, for a classification with
`"probabilities": [{class: p, …}, …]` beside it. Every mistake in a request is answered with `{"error": "one
sentence"}` and status 400, 405 or 413. A managed online endpoint passes that body on under its own status 424
and names ours in the header `ms-azureml-model-error-statuscode`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from werkzeug.exceptions import RequestEntityTooLarge

sys.path.insert(0, str(Path(__file__).parent))  # the server does not add the script's folder

from collect import collector
from model_folder import ModelError, load
from request import MAX_BYTES, RequestError, rows_of

log = logging.getLogger("azmlinfsrv.score")  # a child of the server's logger, so that its lines reach the log
served = collect = None


def init() -> None:
    """Load the model under `AZUREML_MODEL_DIR`.

    Raises:
        ModelError: it cannot be served; the log has one line that says why, and the server stops.
    """
    global served, collect
    try:
        served = load(Path(os.environ["AZUREML_MODEL_DIR"]))
    except ModelError as reason:
        log.error("cannot serve this model: %s", reason)
        raise
    collect = collector()
    log.info("serving %s: %d features", served.folder, len(served.contract["features"]))


@rawhttp
def run(request: AMLRequest) -> AMLResponse:
    """Answer one request; all of its rows are predicted in one call of the model."""
    started = time.perf_counter()
    try:
        if request.method != "POST":
            raise RequestError('send the rows with POST, as {"data": [{column: value, …}, …]}', status=405)
        request.max_content_length = MAX_BYTES
        rows = rows_of(request.get_data(), served.contract)
    except RequestEntityTooLarge:
        return _answer({"error": f"the request is larger than {MAX_BYTES // 2**20} MB; send fewer rows"}, 413)
    except RequestError as mistake:
        return _answer({"error": str(mistake)}, mistake.status)
    answer = served.predict(rows)
    if collect:
        collect(rows, answer)
    log.info("%d rows in %.0f ms", len(rows), 1000 * (time.perf_counter() - started))
    return _answer(answer, 200)


def _answer(body: dict, status: int) -> AMLResponse:
    # A prediction that is no number must become a failure, not a `NaN` that no JSON reader accepts.
    text = json.dumps(body, allow_nan=False, ensure_ascii=False)
    return AMLResponse(text, status, {"Content-Type": "application/json"})
