"""The server of the web interface with small models, in this process, and a way to ask it."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from models import write_models, write_voice
from truefeed.stream.sources import SourceOptions
from truefeed.stream.web.options import Limits, WebOptions
from truefeed.stream.web.server import WebServer


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def small_models(folder: Path) -> dict[str, Any]:
    """Write models with a known answer; return what a server is told of them."""
    face = write_models(folder)
    voice = write_voice(folder / "voice.onnx", logit=3.0)
    return {"engine": "cpu", "faces": "centerface", "model": str(face), "voice_model": str(voice)}


@dataclass
class Web:
    """A running server; within it, `ask` speaks to it."""

    data: Path
    models: dict[str, Any]
    token: str | None = None
    keep_days: float = 7.0
    limits: Limits = field(default_factory=Limits)
    allow_private: bool = False
    jobs: int = 1

    def __enter__(self) -> Web:
        web = WebOptions(
            data=self.data,
            keep_days=self.keep_days,
            limits=self.limits,
            allow_private=self.allow_private,
            jobs=self.jobs,
        )
        self.server = WebServer(SourceOptions(token=self.token), web, self.models, port=0)
        self.server.start(threading.Event())
        self.root = f"http://localhost:{self.server.port}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.server.close()

    def ask(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request; a dict goes as JSON."""
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("localhost", self.server.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def submit(self, file: Path | bytes, name: str | None = None, **headers: str) -> Answer:
        """Send a file as a form does."""
        data = file.read_bytes() if isinstance(file, Path) else file
        name = name or (file.name if isinstance(file, Path) else "file.bin")
        mark = uuid.uuid4().hex
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self.ask("POST", "/api/v1/scans", body, kind | headers)

    def judged(self, file: Path | bytes, name: str | None = None) -> dict[str, Any]:
        """Send a file and wait until it is judged."""
        answer = self.submit(file, name)
        assert answer.status == 202, answer.body
        return self.wait(answer.json["id"])

    def wait(self, key: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until a job is over."""
        found = self.until(
            lambda: (scan := self.ask("GET", f"/api/v1/scans/{key}").json)["state"] in ("done", "failed") and scan,
            timeout,
        )
        return dict(found)

    def until(self, found: Callable[[], Any], timeout: float = 60) -> Any:
        """Wait until something is true; return it."""
        deadline = time.monotonic() + timeout
        while not (value := found()):
            assert time.monotonic() < deadline, "did not come in time"
            time.sleep(0.1)
        return value
