"""Azure ML's inference server for this machine alone, ending with whoever started it.

Run by the Python of `scoring/`, with the arguments of `azmlinfsrv`; it imports nothing of `tdsp`. Two things
differ from `azmlinfsrv` itself: it listens on 127.0.0.1 instead of on every network, and it stops when its
standard input closes. The second is how nothing is left behind when `tdsp` is killed, on Windows as well.
"""

import os
import signal
import sys
import threading

from azureml_inference_server_http import amlserver


def _stop_with_parent() -> None:
    while os.read(0, 1024):  # not sys.stdin: its lock must not be held while the server forks
        pass
    if sys.platform == "win32":
        os._exit(0)
    os.kill(os.getpid(), signal.SIGTERM)  # gunicorn answers what it has begun and ends its workers


threading.Thread(target=_stop_with_parent, daemon=True).start()
amlserver.DEFAULT_HOST = "127.0.0.1"
amlserver.run()
