"""Distributed steps on one machine: every node's processes here, with the variables their framework reads."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

_MOST = max(2, os.cpu_count() or 2)  # a laptop is no cluster: at most this many processes


def environments(settings: dict[str, Any]) -> tuple[list[dict[str, str]], str | None]:
    """Return the extra variables of each process, and a note if there are fewer than asked for.

    Args:
        settings: the step's settings; `distribution` and `resources.instance_count` count.
    """
    how = settings.get("distribution") or {}
    nodes = _count((settings.get("resources") or {}).get("instance_count"), 1)
    kind = str(how.get("type", "")).lower()
    if kind == "tensorflow":
        return _tensorflow(_count(how.get("worker_count"), nodes), _count(how.get("parameter_server_count"), 0))
    if kind not in ("pytorch", "mpi"):
        return [{}], None
    each = _count(how.get("process_count_per_instance"), 1)
    wanted = nodes * each
    world = min(wanted, _MOST)
    name = _pytorch if kind == "pytorch" else _mpi
    port = str(_free_port())
    ranks = [name(rank, world, each, port) for rank in range(world)]
    return ranks, _note(wanted, world)


def _pytorch(rank: int, world: int, each: int, port: str) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % each),
        "NODE_RANK": str(rank // each),
        "LOCAL_WORLD_SIZE": str(min(each, world)),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "AZUREML_CR_NODE_RANK": str(rank // each),
    }


def _mpi(rank: int, world: int, each: int, port: str) -> dict[str, str]:
    return {
        "OMPI_COMM_WORLD_RANK": str(rank),
        "OMPI_COMM_WORLD_SIZE": str(world),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(rank % each),
        "OMPI_COMM_WORLD_LOCAL_SIZE": str(min(each, world)),
        "OMPI_COMM_WORLD_NODE_RANK": str(rank // each),
        "AZ_BATCH_MASTER_NODE": f"127.0.0.1:{port}",
        "AZUREML_CR_NODE_RANK": str(rank // each),
    }


def _tensorflow(workers: int, servers: int) -> tuple[list[dict[str, str]], str | None]:
    count = min(max(workers, 1), _MOST)
    cluster = {"worker": [f"127.0.0.1:{_free_port()}" for _ in range(count)]}
    if servers:
        cluster["ps"] = [f"127.0.0.1:{_free_port()}" for _ in range(servers)]
    tasks = [(kind, index) for kind, places in cluster.items() for index in range(len(places))]
    return [
        {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"})}
        for kind, index in tasks
    ], _note(workers, count)


def _note(wanted: int, given: int) -> str | None:
    return f"[tdsp] {given} processes stand for the {wanted} asked for" if given < wanted else None


def _count(raw: Any, default: int) -> int:
    try:
        return int(raw)
    except (TypeError, ValueError):
        return default


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
