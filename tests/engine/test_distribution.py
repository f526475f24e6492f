"""Distributed steps: every rank runs on this machine."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("how", "command", "expected"),
    [
        (
            {"type": "pytorch", "process_count_per_instance": 1},
            "echo $RANK/$WORLD_SIZE/$NODE_RANK",
            {"0/2/0", "1/2/1"},
        ),
        (
            {"type": "mpi", "process_count_per_instance": 2},
            "echo $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_LOCAL_RANK",
            {"0/0", "1/1"},
        ),
    ],
)
def test_ranks_of_all_nodes_run_here(bench, how, command, expected):
    nodes = 1 if how["type"] == "mpi" else 2
    bench.pipeline({"a": {"command": command, "distribution": how, "resources": {"instance_count": nodes}}})
    assert set(bench.log(bench.run(), "a").split()) == expected


def test_tensorflow_gets_its_cluster(bench):
    bench.pipeline({"a": {"command": "echo $TF_CONFIG", "distribution": {"type": "tensorflow", "worker_count": 2}}})
    configs = [json.loads(line) for line in bench.log(bench.run(), "a").splitlines()]
    assert sorted(config["task"]["index"] for config in configs) == [0, 1]
    assert len(configs[0]["cluster"]["worker"]) == 2


def test_one_failed_rank_ends_the_others(bench):
    bench.pipeline(
        {
            "a": {
                "command": "[ $RANK = 0 ] && exit 5 || sleep 60",
                "distribution": {"type": "pytorch"},
                "resources": {"instance_count": 2},
            }
        }
    )
    result = bench.run()
    assert (result.steps["a"].reason, result.steps["a"].seconds < 5) == ("exit code 5", True)
