"""Parallel steps: mini-batches, their retries and thresholds, the rows they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

SUMS = """\
def init(): pass
def run(frame, context):
    return [(context.partition_key_value['k'], int(frame.v.sum()))]
"""


ENTRY = """
import argparse, os, time
def init():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--mark")
    arguments, _ = parser.parse_known_args()
def run(batch, context):
    rows = []
    for path in batch:
        text = open(path).read()
        if text == "bad": raise ValueError("bad file")
        if text == "slow": time.sleep(30)
        if text == "die": os._exit(7)
        rows.append(f"{arguments.mark} {os.path.basename(path)} {text}")
    return rows
def shutdown():
    print("shut down")
"""


def batches(bench, contents: dict[str, str], **extra):
    bench.write({"src/entry.py": ENTRY, **{f"raw/{name}": text for name, text in contents.items()}})
    (bench.folder / "raw").mkdir(exist_ok=True)
    bench.pipeline(
        {
            "p": {
                "type": "parallel",
                "inputs": {"d": {"type": "uri_folder", "path": "./raw"}},
                "outputs": {"rows": {"type": "uri_file"}},
                "input_data": "${{inputs.d}}",
                "mini_batch_size": "2",
                "retry_settings": {"max_retries": 1, "timeout": 1},
                "task": {
                    "type": "run_function",
                    "code": "./src",
                    "entry_script": "entry.py",
                    "environment": {"image": "x"},
                    "program_arguments": "--mark m",
                    "append_row_to": "${{outputs.rows}}",
                },
                **extra,
            }
        }
    )


def test_mini_batches_are_run_and_their_rows_joined(bench):
    batches(bench, {f"{number}.txt": str(number) for number in range(5)}, max_concurrency_per_instance=2)
    result = bench.run()
    rows = Path(result.steps["p"].outputs["rows"]).read_text().splitlines()
    assert rows == [f"m {number}.txt {number}" for number in range(5)]
    assert "3 mini-batches, 0 failed, 5 rows" in bench.log(result, "p")
    assert "shut down" in bench.log(result, "p")


@pytest.mark.parametrize("trouble", ["bad", "slow", "die"])
@pytest.mark.parametrize(("threshold", "state"), [(0, "failed"), (1, "ok")])
def test_failed_mini_batches_count_against_the_threshold(bench, trouble: str, threshold: int, state: str):
    batches(bench, {"a": "1", "b": "2", "c": trouble}, mini_batch_error_threshold=threshold)
    result = bench.run()
    assert bench.states(result) == {"p": state}
    assert "mini-batch 1, attempt 2" in bench.log(result, "p")


POOLED = """
import math
from concurrent.futures import ProcessPoolExecutor
def run(batch):
    with ProcessPoolExecutor(1) as pool:
        return list(pool.map(math.sqrt, [4 for _ in batch]))
"""


def test_an_entry_script_may_start_processes(bench):
    batches(bench, {"a": "1", "b": "2"}, retry_settings={"max_retries": 0, "timeout": 30})
    bench.write({"src/entry.py": POOLED})
    assert Path(bench.run().steps["p"].outputs["rows"]).read_text() == "2.0\n2.0\n"


def test_an_entry_script_that_cannot_start_fails_at_once(bench):
    batches(bench, {str(number): "1" for number in range(4)}, max_concurrency_per_instance=2)
    bench.write({"src/entry.py": "raise ValueError"})
    result = bench.run()
    assert (result.steps["p"].state, result.steps["p"].seconds < 10) == ("failed", True)


def test_items_without_a_result_count_against_the_error_threshold(bench):
    batches(bench, {"a": "1", "b": "2", "c": "bad"}, error_threshold=0)
    assert bench.states(bench.run()) == {"p": "failed"}


def test_no_mini_batches_are_a_failure(bench):
    batches(bench, {})
    result = bench.run()
    assert bench.states(result) == {"p": "failed"}
    assert "no mini-batches" in bench.log(result, "p")


def test_a_table_is_cut_by_its_partition_keys(bench):
    batches(
        bench,
        {
            "t.csv": "k,v\na,1\nb,2\na,3\n",
            "MLTable": "paths:\n  - file: ./t.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n",
        },
        partition_keys=["k"],
    )
    bench.write({"src/entry.py": SUMS})
    text = bench.file.read_text().replace(
        "type: uri_folder\n          path: ./raw", "type: mltable\n          path: ./raw"
    )
    bench.file.write_text(text)
    assert Path(bench.run().steps["p"].outputs["rows"]).read_text() == "a 4\nb 2\n"
