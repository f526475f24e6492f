"""Leave out empty lines."""

import sys
from pathlib import Path

raw, clean = map(Path, sys.argv[1:])
lines = [line for line in raw.read_text().splitlines() if line]
(clean / "numbers.txt").write_text("\n".join(lines))
print(len(lines), "numbers")
