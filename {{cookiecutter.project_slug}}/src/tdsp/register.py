"""The last step of the pipeline: register the challenger if it passes the gate, say why if not.

Runs as a component like the steps of the science, on evidence alone: it sees folders, `MLFLOW_TRACKING_URI`
and a few `TDSP_` variables that `tdsp.lineage` sets, but no repository.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from tdsp import files, gate, registry
from tdsp.errors import TdspError, WrongInput, shown
from tdsp.wording import number


def register(
    facts: Path, quality: Path, model: Path, evaluation: Path, champion: Path, registration: Path
) -> dict[str, Any]:
    """Judge a model and register it if it passes.

    Args:
        facts: `project.yml`.
        quality: folder with `quality.json`.
        model: the challenger, an MLflow model folder with `contract.json`.
        evaluation: folder with `metrics.json`.
        champion: the model folder that `evaluate` compared with; one without `MLmodel` when there was none.
        registration: folder that gets `outcome.json`.

    Returns:
        What `outcome.json` holds: `outcome` (`registered`, `refused` or `unchanged`), `model`, `version` (of
        the champion after this, None without one), `champion_sha256` (of its files), `reason`, `checks` and
        `lineage`.

    Raises:
        WrongInput: evidence is missing or does not belong together.
        TdspError: the registry cannot be used.
    """
    project, metrics = _read(facts), _read(evaluation / "metrics.json")
    try:
        verdict = gate.judge(project, _read(quality / "quality.json"), metrics)
        lineage = _lineage(_read(model / "contract.json"))
        name, uri = project["project"]["slug"], _tracking_uri()
    except KeyError as error:
        raise WrongInput(f"the evidence lacks {error}: run the pipeline again") from None
    current = registry.champion(uri, name)
    digest = files.sha256_of(model)

    if current and current.tags.get(registry.MODEL_DIGEST) == digest:
        outcome, reason = "unchanged", f"the challenger is the champion, {current}"
    elif moved := _moved(current, champion):  # before anything that the comparison says
        outcome, reason = "refused", moved
    elif current and metrics["same_as_champion"]:
        outcome, reason = "unchanged", f"the challenger predicts what the champion, {current}, predicts"
    elif not verdict.passed:
        outcome, reason = "refused", "; ".join(check.detail for check in verdict.failed)
    else:
        tags = {f"tdsp.{key}": str(value) for key, value in lineage.items()}
        tags |= {f"tdsp.metric.{key}": repr(value["value"]) for key, value in _challenger(metrics).items()}
        current = registry.register(uri, name, model, tags, os.environ.get("MLFLOW_RUN_ID"))
        outcome, reason = (
            "registered",
            f"{project['metric']} {number(_challenger(metrics)[project['metric']]['value'])}",
        )

    record = {
        "outcome": outcome,
        "model": name,
        "version": current.number if current else None,
        "champion_sha256": current.tags.get(registry.MODEL_DIGEST) if current else None,
        "reason": reason,
        "checks": [asdict(check) for check in verdict.checks],
        "lineage": {**lineage, "model_sha256": digest},
    }
    registration.mkdir(parents=True, exist_ok=True)
    files.write_text(registration / "outcome.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return record


def _moved(current: registry.Version | None, champion: Path) -> str:
    """Say so when the champion that was compared is not the champion any more: another run was faster.

    MLflow has no "move the alias if it is still there": of two runs that come here within a second, the later one wins.
    Both versions stay in the registry.
    """
    compared = files.sha256_of(champion) if (champion / "MLmodel").is_file() else None
    # A version that somebody registered by hand has no digest to compare with.
    now = current.tags.get(registry.MODEL_DIGEST, compared) if current else None
    if compared == now:
        return ""
    return f"the champion is {current or 'none'} now, not the one it was compared with: run again"


def _lineage(contract: dict[str, Any]) -> dict[str, Any]:
    return {
        "data_file": contract["data"]["file"],
        "data_sha256": contract["data"]["sha256"],
        "commit": os.environ.get("TDSP_COMMIT", ""),
        "dirty": os.environ.get("TDSP_DIRTY", "false") == "true",
        "lock_sha256": os.environ.get("TDSP_LOCK_SHA256", ""),
        "run_id": os.environ.get("MLFLOW_RUN_ID", ""),
        "started_by": os.environ.get("TDSP_STARTED_BY", ""),
    }


def _challenger(metrics: dict[str, Any]) -> dict[str, Any]:
    return metrics["models"]["challenger"]


def _read(path: Path) -> dict[str, Any]:
    """Return a mapping from YAML, or from JSON."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        kind = "JSON" if path.suffix == ".json" else "YAML"
        raise WrongInput(f"{path}: not {kind} ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise WrongInput(f"{path}: not a mapping")
    return content


def _tracking_uri() -> str:
    try:
        return os.environ["MLFLOW_TRACKING_URI"]
    except KeyError:
        raise WrongInput("MLFLOW_TRACKING_URI is not set: `tdsp run` and Azure ML set it for each step") from None


def main() -> None:
    """Read the command line, register, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tdsp.register", description=__doc__.splitlines()[0])
    for name in ("facts", "quality", "model", "evaluation", "champion", "registration"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    try:
        record = register(**vars(parser.parse_args()))
    except TdspError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.code) from None
    except OSError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{record['outcome']}: {record['reason']}")


if __name__ == "__main__":
    main()
