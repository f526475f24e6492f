"""Add up the numbers."""

import json
import sys
from pathlib import Path

clean, factor, report = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
total = sum(map(float, (clean / "numbers.txt").read_text().split())) * factor
(report / "report.json").write_text(json.dumps({"total": total}))
print("total", total)
