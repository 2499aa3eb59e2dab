"""A real Janus VideoRoom with real publishers."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chromium
import janus_server
import pytest

pytest.importorskip("aiortc")

from models import write_models
from truefeed.stream.cli import main
from webrtc_runs import HERE, free_port, long_clip, publisher, truefeed

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


@contextmanager
def page() -> Iterator[str]:
    """Serve the page that publishes."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/janus_page.html"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(not chromium.available(), reason="Chromium is not installed: apt-get install chromium")
def test_a_browser_turns_its_camera_off_and_on_shrinks_leaves_and_returns(tmp_path: Path) -> None:
    clip, model = long_clip(tmp_path), write_models(tmp_path)
    devices = chromium.fake_devices(tmp_path / "short.mp4", tmp_path)
    with janus_server.Janus(tmp_path / "janus") as janus, page() as address:
        url = f"janus+{janus.url}?room=1234"
        with (
            truefeed("watch", url, "--model", model) as running,
            chromium.Chromium(tmp_path / "profile", *devices) as browser,
        ):
            running.wait(event="stream", state="online", source=url)
            browser.go(address)
            enter = f"join('{janus.url}', 'Ann')"
            browser.evaluate(enter)
            running.wait(90, event="verdict", participant="Ann")
            assert running.wait(30, event="stats", participant="Ann")["codec"] == "VP8"

            start = len(running.events)
            browser.evaluate("camera(false)")
            running.wait(30, start=start, event="stream", state="stalled", participant="Ann")
            with publisher(janus.url, clip, "--janus", "Bob"):  # comes later, and is no worse for it
                running.wait(90, start=start, event="verdict", participant="Bob")
            browser.evaluate("microphone(false)")
            browser.evaluate("camera(true)")
            running.wait(60, start=start, event="stream", state="online", participant="Ann")

            start = len(running.events)
            browser.evaluate("smaller(2)")
            running.wait(90, start=start, event="stats", participant="Ann", width=160)
            running.wait(60, start=start, event="verdict", participant="Ann")

            browser.evaluate("leave()")
            running.wait(30, event="summary", participant="Ann")
            start = len(running.events)
            browser.evaluate(enter)
            running.wait(90, start=start, event="verdict", participant="Ann")
            assert running.end() == 0
