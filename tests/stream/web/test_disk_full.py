"""A disk that takes no more: nothing that was begun stays, and the server goes on."""

from __future__ import annotations

import http.client
import json
import resource
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("fastapi")

from media import portrait
from models import write_models
from webrtc_runs import Running, truefeed

LARGE = 16 << 20
"More than the server may write into one file."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """A server that may write 8 MiB into a file, and its port; a write beyond fails as one on a full disk does."""
    model = write_models(tmp_path)
    with truefeed("serve", "--port", "0", "--data", tmp_path / "data", "--model", model) as running:
        address = running.wait(120, event="stream", source="call", state="online")["detail"]
        _, most = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (LARGE // 2, most))
        yield running, int(address.rpartition(":")[2].partition("/")[0])


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, Any]:
    """Return status, media type and JSON of an answer."""
    connection = http.client.HTTPConnection("localhost", port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, answer.headers.get_content_type(), json.loads(text) if text else None
    finally:
        connection.close()


def submit(port: int, name: str, data: bytes) -> tuple[int, str, Any]:
    """Send a file as a form does."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
    return ask(port, "POST", "/api/v1/scans", body, Content_Type=f"multipart/form-data; boundary={mark}")


def test_what_can_not_be_stored_is_refused_and_leaves_nothing(server: tuple[Running, int], tmp_path: Path) -> None:
    running, port = server
    wish = json.dumps({"name": "large.mp4", "size": LARGE}).encode()
    upload = ask(port, "POST", "/api/v1/uploads", wish, Content_Type="application/json")[2]["id"]
    for answer in (
        submit(port, "large.mp4", bytes(LARGE)),
        ask(port, "PATCH", f"/api/v1/uploads/{upload}", bytes(LARGE), Upload_Offset="0"),
    ):
        assert answer[:2] == (507, "application/problem+json")
        assert answer[2]["type"] == "urn:truefeed:disk-full"
    assert ask(port, "GET", f"/api/v1/uploads/{upload}")[0] == 404
    assert ask(port, "GET", "/api/v1/scans")[2]["total"] == 0
    for kept in ("scans", "uploads"):
        assert list((tmp_path / "data" / kept).iterdir()) == []
    good, small = cv2.imencode(".jpg", portrait())
    assert good
    status, _, scan = submit(port, "small.jpg", small.tobytes())
    assert status == 202
    deadline = time.monotonic() + 60
    while (state := ask(port, "GET", f"/api/v1/scans/{scan['id']}")[2]["state"]) not in ("done", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert state == "done"
    assert running.end(signal.SIGTERM, 60) == 0
