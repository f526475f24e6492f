"""A stand-in for the Azure CLI: an executable named az, first on PATH, with a recorded answer."""

import json
import os
import sys
from pathlib import Path

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def workspace(name: str, group: str = "rg-churn-dev", region: str = "westeurope", **more: str | None) -> dict:
    """One row of `az rest ... --query data` from Azure Resource Graph."""
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    row = {
        "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/{provider}/{name}",
        "kind": "Default",
        "location": region,
        "subscription": "Contoso Dev",
    }
    return row | more


def install_az(folder: Path, answer: object = "", *, code: int = 0, errors: str = "", seconds: float = 0) -> Path:
    """Put the stand-in into `folder`, where it notes its arguments (`az.log`) and, once it answered, `az.answered`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = answer if isinstance(answer, str) else json.dumps(answer)
    script = folder / "az.py"
    script.write_text(
        "import json, pathlib, sys, time\n"
        f"pathlib.Path({str(folder / 'az.log')!r}).write_text(json.dumps(sys.argv[1:]))\n"
        f"time.sleep({seconds})\npathlib.Path({str(folder / 'az.answered')!r}).touch()\n"
        f"print({text!r})\nprint({errors!r}, file=sys.stderr)\nsys.exit({code})\n",
        encoding="utf-8",
    )
    if os.name == "nt":
        (folder / "az.cmd").write_text(f'@"{sys.executable}" "{script}" %*\n')
    else:
        # Like the real one, a shell script that waits for Python: killing it alone leaves a child.
        (folder / "az").write_text(f'#!/bin/sh\n"{sys.executable}" "{script}" "$@"\n')
        (folder / "az").chmod(0o755)
    return folder
