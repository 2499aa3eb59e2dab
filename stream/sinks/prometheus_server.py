"""The addresses at which the figures are asked for, and those for whoever restarts what hangs."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from ..redaction import encodable


class Figures(Protocol):
    """What is asked for."""

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return the figures in a form that is accepted, and its content type."""

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Return whether every source is online or done, and the state of each."""


class FiguresServer(ThreadingHTTPServer):
    """Answers /metrics (Prometheus text), /healthz (the process lives) and /readyz (every source is online or done)."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], figures: Figures) -> None:
        self.figures = figures
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "truefeed", ""
    timeout = 10

    def do_GET(self) -> None:
        assert isinstance(self.server, FiguresServer)
        figures = self.server.figures
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, *figures.text(self.headers.get("Accept", "")))
        elif path == "/healthz":
            self._answer(200, b"ok\n", "text/plain; charset=utf-8")
        elif path == "/readyz":
            ready, states = figures.ready()
            body = json.dumps({"ready": ready, "streams": states}, ensure_ascii=False) + "\n"
            self._answer(200 if ready else 503, encodable(body).encode(), "application/json")
        else:
            self._answer(404, b"there are /metrics, /healthz and /readyz\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: a line a scrape is noise."""
