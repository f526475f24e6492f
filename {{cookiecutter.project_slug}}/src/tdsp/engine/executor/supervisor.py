"""Ends the steps of an engine that was killed: nothing inside the engine could do it then.

One small shell per engine reads from a pipe which groups of processes run. Its end of file means that the engine
is gone, however it ended; whatever still runs then is killed.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_SCRIPT = """
trap '' HUP INT TERM
while read -r change group; do
    if [ "$change" = + ]; then groups[$group]=1; else unset "groups[$group]"; fi
done
for group in "${!groups[@]}"; do kill -KILL -- "-$group" 2> /dev/null; done
"""


class Supervisor:
    """Knows the groups that run; started before the first."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Be there before the first step is: from then on, only a moment between its start and `add` is open."""
        import subprocess

        with self._lock, contextlib.suppress(OSError):  # without a supervisor, steps run all the same
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603 - our own script
                    ["bash", "-c", _SCRIPT],  # noqa: S607 - the bash that steps run in
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def add(self, group: int) -> None:
        """A group has started."""
        self._tell(f"+ {group}\n")

    def remove(self, group: int) -> None:
        """A group has ended; its number may soon be somebody else's."""
        self._tell(f"- {group}\n")

    def close(self) -> None:
        """End the shell."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()

    def _tell(self, line: str) -> None:
        self.start()
        with self._lock, contextlib.suppress(OSError):
            if self._process is not None:
                self._process.stdin.write(line.encode())  # type: ignore[union-attr]
                self._process.stdin.flush()  # type: ignore[union-attr]
