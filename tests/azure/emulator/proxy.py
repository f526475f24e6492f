"""A CONNECT proxy on the loopback that ends TLS for every host name: clients keep the real host names."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from emulator.certificates import Authority
from emulator.wire import HangupError, Request, Response

log = logging.getLogger(__name__)
NO_BODY = (204, 304)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_CONNECT(self) -> None:
        host = self.path.rsplit(":", 1)[0]
        self.wfile.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        context = self.server.authority.context(host)
        self.connection = self.request = context.wrap_socket(self.request, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def handle(self) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
            self.connection.close()

    def _acknowledge(self) -> None:
        """Say at once that the head arrived: until then a client behind a proxy keeps the body back."""
        if quick := getattr(socket, "TCP_QUICKACK", None):
            self.connection.setsockopt(socket.IPPROTO_TCP, quick, 1)

    def _body(self) -> bytes:
        self._acknowledge()
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self) -> None:
        host = self.headers.get("Host", "").lower().removesuffix(":443")
        request = Request(self.command, host, self.path, self.headers, self._body())
        try:
            response = self.server.answer(request)
        except HangupError:
            self.close_connection = True
            return
        content = response.content
        headers = {"Content-Type": "application/json; charset=utf-8", **response.headers}
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status not in NO_BODY and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and response.status not in NO_BODY:
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        log.debug(format, *args)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, authority: Authority, answer: Callable[[Request], Response]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.authority, self.answer = authority, answer

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        log.debug("connection from %s ended", client_address, exc_info=True)


class Proxy:
    """Runs in threads of this process and hands each request to `answer`."""

    def __init__(self, authority: Authority, answer: Callable[[Request], Response]):
        self._server = _Server(authority, answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        serve = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        serve.start()

    def stop(self) -> None:
        """Stop listening; connections that are open end with their clients."""
        self._server.shutdown()
        self._server.server_close()
