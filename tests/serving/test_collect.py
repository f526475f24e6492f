"""The real server hands what is asked and answered to Azure's own collector, where the deployment turns it on."""

import json
import os
import time

from tdsp import shell
from tdsp.serving import server as serving
from tdsp.serving.client import predict


def test_the_real_server_gives_rows_and_answers_to_the_real_collector(project, models, tmp_path):
    model, port = models / "classification", shell.free_port()
    serving.build_environment(project)
    settings = tmp_path / "settings.json"  # as the service writes it; `local` prints instead of sending
    names = ("model_inputs", "model_outputs")
    settings.write_text(json.dumps({"runMode": "local", "collections": {name: {"enabled": True} for name in names}}))
    variables = {**serving.environment(os.environ), "AZUREML_MDC_CONFIG_PATH": str(settings)}
    command, log = serving._command(project, model, port), tmp_path / "log.txt"
    with (
        log.open("wb") as sink,
        shell.running(*command, cwd=project / "scoring", environment=variables, log=sink) as process,
    ):
        server = serving.Server(f"http://{shell.HOST}:{port}", log, process)
        serving._wait_until_healthy(server)
        answer = predict(server.score, (model / "sample-request.json").read_bytes())
        end = time.monotonic() + 10
        while time.monotonic() < end and not all(f"| {name} |" in log.read_text() for name in names):
            time.sleep(0.1)
    captured = {name: line for line in log.read_text().splitlines() for name in names if f"| {name} |" in line}
    assert set(captured) == set(names)
    rows = json.loads(captured["model_outputs"].rsplit("| ", 1)[1])
    assert [row["prediction"] for row in rows] == answer["predictions"]
