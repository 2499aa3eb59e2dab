"""Cameras that the page adds: watched, shown with what is thought of them, and still there after a restart."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("aiortc")

import rtsp_server
from clips import moving_face, write_video
from models import write_models
from rtmp_publishers import ffmpeg
from webrtc_runs import Running, truefeed


def ask(root: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Speak to a server; return what it says, None for nothing."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(root + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
        return answer if path.endswith("/picture") else json.loads(text) if text else None


def until(found: Callable[[], Any], timeout: float = 90) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := found()):
        assert time.monotonic() < deadline, "did not come in time"
        time.sleep(0.2)
    return value


def root(running: Running) -> str:
    where = running.wait(120, event="stream", source="call", state="online")["detail"]
    return str(where).removesuffix("/call")


def test_a_camera_is_watched_until_it_is_removed(tmp_path: Path, rtsp: Callable[..., rtsp_server.RtspServer]) -> None:
    clip = write_video(tmp_path / "clip.mp4", moving_face(4, fps=10, size=(320, 240)), fps=10)
    # Always an alert: what is at or above nothing.
    common = ("serve", "--data", tmp_path / "data", "--model", write_models(tmp_path), "--alert-at", "0.01")
    camera = rtsp(clip)
    with truefeed(*common, "--port", "0", "--clear-at", "0.005") as first:
        at = root(first)
        added = ask(at, "POST", "/api/v1/streams", {"url": camera.url, "name": "front door"})
        seen = until(lambda: (s := ask(at, "GET", f"/api/v1/streams/{added['id']}"))["verdict"] and s)
        assert (seen["name"], seen["state"]) == ("front door", "online")
        answer = ask(at, "GET", f"/api/v1/streams/{added['id']}/picture")
        verdict = json.loads(answer.headers["X-Verdict"])
        assert (answer.headers["Content-Type"], verdict["width"], verdict["height"]) == ("image/jpeg", 320, 240)
        # The evidence is written by a thread of its own, a moment after the alert was told.
        alert = until(lambda: [a for a in ask(at, "GET", "/api/v1/alerts")["items"] if a["picture"] and a["clip"]])[0]
        assert (alert["stream"], alert["participant"]) == (added["id"], "front door")
        for kept in ("picture", "clip"):
            assert urllib.request.urlopen(at + alert[kept], timeout=30).status == 200
        assert first.end(signal.SIGTERM, 60) == 0
    with truefeed(*common, "--port", "0") as second:
        at = root(second)
        until(lambda: ask(at, "GET", "/api/v1/streams")["items"][0]["verdict"])
        assert ask(at, "DELETE", f"/api/v1/streams/{added['id']}") is None
        second.wait(60, event="stream", state="ended", participant="front door")
        assert ask(at, "GET", "/api/v1/streams")["items"] == []
        assert [one["id"] for one in ask(at, "GET", "/api/v1/alerts")["items"]][-1] == alert["id"]
        assert ask(at, "DELETE", f"/api/v1/alerts/{alert['id']}") is None
        assert second.end(timeout=60) == 0


def test_a_camera_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"rtsp://user:hunter2@127.0.0.1:{nobody.getsockname()[1]}/live"
    with truefeed("serve", "--port", "0", "--model", write_models(tmp_path)) as running:
        at = root(running)
        added = ask(at, "POST", "/api/v1/streams", {"url": url})
        found = until(lambda: (s := ask(at, "GET", f"/api/v1/streams/{added['id']}"))["state"] == "retrying" and s)
        assert "hunter2" not in json.dumps(found)
        ask(at, "DELETE", f"/api/v1/streams/{added['id']}")
        running.wait(60, event="summary", participant=added["name"])
        assert running.end(timeout=60) == 0


def test_what_is_pushed_to_the_server_is_watched(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", moving_face(4, fps=10, size=(320, 240)), fps=10, tone=300)
    port = rtsp_server.free_port()
    with truefeed("serve", "--port", "0", "--model", write_models(tmp_path)) as running:
        at = root(running)
        for url, what in (
            (f"rtmp+listen://0.0.0.0:{port}", "publishers need a key"),
            ("srt://10.0.0.9:9000", "MediaMTX"),
        ):
            with pytest.raises(HTTPError) as refused:
                ask(at, "POST", "/api/v1/streams", {"url": url})
            assert what in refused.value.read().decode()
        added = ask(at, "POST", "/api/v1/streams", {"url": f"rtmp+listen://127.0.0.1:{port}/live/s3cr3t-k3y"})
        publisher = until(lambda: _published(clip, f"rtmp://127.0.0.1:{port}/live/s3cr3t-k3y"))
        seen = until(lambda: (s := ask(at, "GET", f"/api/v1/streams/{added['id']}"))["verdict"] and s)
        assert seen["state"] == "online"
        publisher.kill()
        publisher.communicate()
        gone = until(lambda: (s := ask(at, "GET", f"/api/v1/streams/{added['id']}"))["state"] == "ended" and s)
        assert "waiting for a publisher" in gone["detail"]
        ask(at, "DELETE", f"/api/v1/streams/{added['id']}")
        running.wait(60, event="summary", participant=added["name"])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        assert "s3cr3t" not in f"{seen}{gone}{running.events}{running.errors}"
        assert running.end(timeout=60) == 0


def _published(clip: Path, url: str) -> subprocess.Popen[str] | None:
    """Return a publisher that was let in; None where nobody listens yet."""
    publisher = ffmpeg(clip, url)
    try:
        publisher.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        return publisher
    return None
