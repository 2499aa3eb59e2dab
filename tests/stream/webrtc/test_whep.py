"""Subscribing by WHEP to a real server."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip("aiortc")

from models import write_models
from truefeed.stream.cli import main
from webrtc_runs import HERE, Running, free_port, long_clip, truefeed


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_clip(tmp_path_factory.mktemp("clip"))


def server(clip: Path, port: int, *words: str) -> Running:
    running = Running(HERE / "webrtc_whep_server.py", clip, str(port), *words)
    running.wait(ready=True)
    return running


def test_subscribing_a_dead_server_and_its_return(clip: Path, tmp_path: Path) -> None:
    port, model = free_port(), write_models(tmp_path)
    url = f"whep+http://s3cret@127.0.0.1:{port}/whep/live"
    with server(clip, port, "--token", "s3cret") as first, truefeed("watch", url, "--model", model) as running:
        running.wait(60, event="verdict", count=3)
        running.wait(event="stats")
        start = len(running.events)
        first.end(signal.SIGKILL)
        stalled = running.wait(30, start=start, event="stream", state="stalled")
        assert "received" in stalled["detail"]
        with server(clip, port, "--token", "s3cret") as second:
            start = len(running.events)
            running.wait(60, start=start, event="verdict")
            assert running.end() == 0
            second.wait(subscribed="0")
            second.wait(left="0")
    assert running.events[-1]["reconnects"] == 1
    assert "s3cret" not in str(running.events) + "".join(running.errors)


@pytest.mark.parametrize(
    ("path", "token", "said"),
    [
        ("live", "wrong", "refused the token"),
        ("nowhere", "s3cret", "no such stream"),
        ("hollow", "s3cret", "no usable answer"),
    ],
)
def test_what_a_server_refuses_is_told(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, token: str, said: str
) -> None:
    port = free_port()
    with server(clip, port, "--token", "s3cret"):
        url = f"whep+http://{token}@127.0.0.1:{port}/whep/{path}"
        assert main(["watch", url, "--model", str(write_models(tmp_path))]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert token not in error


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"whep+http://127.0.0.1:{free_port()}/whep/live"
    assert main(["watch", url, "--model", str(write_models(tmp_path)), "--token", "s3cret"]) == 1
    error = capsys.readouterr().err
    assert "connection refused" in error
    assert "s3cret" not in error
