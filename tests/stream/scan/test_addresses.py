"""`truefeed scan` on addresses, from a real server on loopback."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from clips import face_picture
from truefeed.stream.cli import main
from truefeed.stream.errors import SourceError
from truefeed.stream.scan.fetch import fetch

_PICTURE: bytes = cv2.imencode(".png", face_picture())[1].tobytes()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        if self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):  # until the other side has had enough
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.01)
            return
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{server.server_port}/face.png")
            self.end_headers()
            return
        self.send_response(404 if "absent" in self.path else 200)
        self.send_header("Content-Length", str(len(_PICTURE)))
        self.end_headers()
        self.wfile.write(_PICTURE)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.root = f"127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _scan(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["scan", "--json", *words])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], out + err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_addresses_are_judged_as_the_file_is(
    server: _Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    (tmp_path / "face.png").write_bytes(_PICTURE)
    root = f"http://{server.root}"
    named = [
        str(tmp_path / "face.png"),
        f"{root}/face.png",
        f"{root}/ein%20bild/m\u00fc.png?room=2",
        f"{root}/absent.png",
    ]
    code, lines, _ = _scan(capsys, *named, "--allow-private", "--jobs", jobs)
    assert code == 1
    assert [line["path"] for line in lines[:2]] == named[:2]
    assert [line | {"path": ""} for line in lines[1:3]] == [lines[0] | {"path": ""}] * 2
    assert lines[3]["error"] == f"{named[3]}: the server answered HTTP 404"
    assert ("/ein%20bild/m%C3%BC.png?room=2", None) in server.asked


def test_addresses_of_this_machine_are_refused_unless_allowed(
    server: _Server, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = _scan(capsys, f"http://{server.root}/face.png", "HTTP://[::1]/face.png", "http:///face.png")
    assert code == 1
    assert all(line["status"] == "error" for line in lines)
    assert all("--allow-private" in line["error"] for line in lines[:2])
    assert server.asked == []


def test_a_server_that_drips_is_left(server: _Server, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not here in the time allowed"):
        fetch(
            f"http://{server.root}/drip",
            lambda name: tmp_path / name,
            most=1 << 20,
            private=True,
            tell=lambda share: None,
            longest=0.3,
        )
    assert (tmp_path / "drip").stat().st_size > 1


def test_a_password_goes_to_its_host_alone_and_is_not_printed(
    server: _Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"http://anna:s3cr%40t@{server.root}/{name}" for name in ("face.png", "away", "absent.png")]
    kept = tmp_path / "results.jsonl"
    outputs = ["--csv", str(tmp_path / "a.csv"), "--report", str(tmp_path / "a.html"), "--resume", str(kept)]
    code, lines, said = _scan(capsys, *words, "--allow-private", *outputs)
    assert (code, [line["status"] == "error" for line in lines]) == (1, [False, False, True])
    assert lines[0]["path"] == f"http://***@{server.root}/face.png"
    said += kept.read_text() + (tmp_path / "a.csv").read_text() + (tmp_path / "a.html").read_text()
    assert "anna" not in said
    assert "s3cr" not in said
    secret = f"Basic {base64.b64encode(b'anna:s3cr@t').decode()}"
    assert server.asked == [("/face.png", secret), ("/away", secret), ("/face.png", None), ("/absent.png", secret)]
