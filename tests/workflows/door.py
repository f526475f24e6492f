"""A door to a process that has the heavy imports behind it: `tdsp` in a workflow goes through it, instead of waiting.

The recorder of `uv` calls `CLIENT`, which sends its words, folder and variables here, prints what the command printed
and ends as it ended.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect(os.environ["STUB_DOOR"])
    order = {"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}
    door.sendall(json.dumps(order).encode() + b"\\n")
    code, _, printed = door.makefile("rb").read().partition(b"\\n")
sys.stdout.buffer.write(printed)
sys.stdout.flush()
sys.exit(int(code))
"""


@contextlib.contextmanager
def opened(forks: Any) -> Iterator[Path]:
    """Yield the address of a door behind which commands are forked."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            order = json.loads(self.rfile.readline())
            with tempfile.TemporaryDirectory() as scratch:
                log = Path(scratch) / "log"
                code = forks.run(order["arguments"], Path(order["folder"]), order["environment"], log)
                self.wfile.write(f"{code}\n".encode() + log.read_bytes())

    # A socket's address may have no more than 108 characters, which the folder of a test may have already.
    with tempfile.TemporaryDirectory(prefix="door-") as folder:
        server = socketserver.ThreadingUnixStreamServer(str(Path(folder) / "door"), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield Path(folder) / "door"
        server.shutdown()
        server.server_close()
