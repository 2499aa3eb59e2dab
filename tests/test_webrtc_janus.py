"""A real Janus VideoRoom with real publishers."""

from __future__ import annotations

from pathlib import Path

import janus_server
import pytest

pytest.importorskip("aiortc")

from models import write_models
from truefeed.stream.cli import main
from webrtc_runs import free_port, long_clip, publisher, truefeed

pytestmark = pytest.mark.skipif(not janus_server.available(), reason="Janus is not installed: apt-get install janus")


def test_three_publishers_one_leaves_and_returns_and_the_server_dies(tmp_path: Path) -> None:
    clip, model = long_clip(tmp_path), write_models(tmp_path)
    with janus_server.Janus(tmp_path / "janus") as janus:
        url = f"janus+{janus.url}?room=1234"
        ann, bob = (publisher(janus.url, clip, "--janus", name) for name in ("Ann", "Bob"))
        with ann, bob, truefeed("watch", url, "--model", model) as running:
            for name in ("Ann", "Bob"):
                running.wait(90, event="verdict", participant=name)
            with publisher(janus.url, clip, "--janus", "Cid") as cid:
                verdict = running.wait(60, event="verdict", participant="Cid")
                assert verdict["source"] == f"{url}#Cid"
                cid.end()
                assert "truefeed (monitoring)" in cid.events[-2]["participants"]
            running.wait(event="summary", participant="Cid")
            start = len(running.events)
            with publisher(janus.url, clip, "--janus", "Cid"):
                running.wait(60, start=start, event="verdict", participant="Cid")
                start = len(running.events)
                janus.kill()
                for name in ("Ann", "Bob", "Cid"):
                    running.wait(30, start=start, event="summary", participant=name)
                running.wait(30, start=start, event="stream", state="retrying", source=url)
            janus.start()
            start = len(running.events)
            running.wait(60, start=start, event="stream", state="online", source=url)
            assert running.end() == 0


@pytest.mark.parametrize(("query", "said"), [("room=99", "no such room"), ("", "which room")])
def test_a_wrong_room_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], query: str, said: str) -> None:
    model = write_models(tmp_path)
    with janus_server.Janus(tmp_path / "janus") as janus:
        assert main(["watch", f"janus+{janus.url}?{query}", "--model", str(model)]) == 1
    assert said in capsys.readouterr().err


def test_no_server_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"janus+ws://127.0.0.1:{free_port()}/?room=1234&pin=s3cret"
    assert main(["watch", url, "--model", str(write_models(tmp_path))]) == 1
    error = capsys.readouterr().err
    assert "connection refused" in error
    assert "s3cret" not in error
