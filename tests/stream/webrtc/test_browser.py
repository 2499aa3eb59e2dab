"""The page of the call in real browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import chromium
import cv2
import pytest

pytest.importorskip("aiortc")

from clips import moving_face, write_video
from models import write_models
from webrtc_runs import Running, truefeed

pytestmark = pytest.mark.skipif(not chromium.available(), reason="Chromium is not installed: apt-get install chromium")
PAUSE = 'pc.getSenders().every(s => !s.track || s.track.kind === "audio")'


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("devices")
    return chromium.fake_devices(
        write_video(folder / "short.mp4", moving_face(4, fps=8, size=(320, 240)), fps=8, tone=300), folder
    )


@contextmanager
def joined(page: str, name: str, folder: Path, devices: tuple[Path, Path]) -> Iterator[chromium.Chromium]:
    with chromium.Chromium(folder / name, *devices) as browser:
        browser.go(page)
        assert browser.evaluate("document.getElementById('start').disabled")
        assert browser.evaluate("document.getElementById('watched').hidden")
        browser.evaluate(f"document.getElementById('name').value = '{name}'")
        browser.evaluate("document.getElementById('agree').click()")
        browser.evaluate("document.getElementById('start').click()")
        browser.until("me !== null", 60)
        assert not browser.evaluate("document.getElementById('watched').hidden")
        yield browser


def shown(browser: chromium.Chromium, name: str, running: Running, file: Path) -> None:
    """Wait for the picture of somebody with a fresh verdict on a face over it."""
    tile = f"tiles.get('{name}')"
    browser.until(f"{tile} && {tile}.last && {tile}.last.faces.length > 0", 90, lambda: running.events[-3:])
    browser.until(f"{tile}?.video.videoWidth > 0 && {tile}.video.currentTime > 0", 60)
    browser.until(f"performance.now() - {tile}?.seen < 500 && {tile}.last?.faces.length > 0", 60)
    assert browser.evaluate(f"{tile}.find('.status').textContent") in ("Real", "Unsure", "Fake")
    picture = cv2.imread(str(browser.screenshot(file)))
    assert picture is not None
    assert picture.std() > 20


def latest(running: Running, name: str, state: str) -> list[object]:
    """Return something where this is the state that a participant is in."""
    return [e for e in running.of(event="stream", participant=name)[-1:] if e["state"] == state]


def test_two_people_see_each_other_and_what_is_thought_of_both(tmp_path: Path, devices: tuple[Path, Path]) -> None:
    model = ("--model", write_models(tmp_path))
    with ExitStack() as stack:
        running = stack.enter_context(truefeed("serve", "--port", "0", "--stall", "12", *model))
        page = running.wait(event="stream", source="call")["detail"]
        ann = stack.enter_context(joined(page, "Ann", tmp_path, devices))
        bob = stack.enter_context(joined(page, "Bob", tmp_path, devices))
        for browser in (ann, bob):
            for name in ("Ann", "Bob"):
                shown(browser, name, running, tmp_path / f"{name}.png")
            people = browser.evaluate("document.getElementById('people').innerText")
            assert "truefeed (monitoring)" in people
        # The camera is let go of, and nothing black is sent in its place.
        bob.evaluate("document.getElementById('camera').click()")
        bob.until(PAUSE)
        ann.until("tiles.get('Bob').video.hidden && tiles.get('Bob').find('.empty').textContent === 'Camera off'")
        running.until(lambda: latest(running, "Bob", "stalled"), 40)
        bob.evaluate("document.getElementById('mic').click()")
        bob.evaluate("document.getElementById('camera').click()")
        running.until(lambda: latest(running, "Bob", "online"), 40)
        shown(ann, "Bob", running, tmp_path / "back.png")
        bob.evaluate("document.getElementById('leave').click()")
        running.wait(20, event="stream", state="ended", participant="Bob")
        ann.until("!tiles.has('Bob') && !people.has('Bob')")
        ann.process.kill()
        ended = running.wait(60, event="stream", state="ended", participant="Ann")
        assert ended["detail"] in ("nothing received for 12 s", "the other side left")
        assert running.end() == 0


def test_the_page_comes_back_when_the_server_does(tmp_path: Path, devices: tuple[Path, Path]) -> None:
    model = write_models(tmp_path)
    with ExitStack() as stack:
        first = stack.enter_context(truefeed("serve", "--port", "0", "--model", model))
        page = first.wait(event="stream", source="call")["detail"]
        port = page.rpartition(":")[2].partition("/")[0]
        stack.enter_context(joined(page, "Ann", tmp_path, devices))
        first.wait(60, event="verdict", participant="Ann")
        assert first.end() == 0
        with truefeed("serve", "--port", port, "--model", model) as second:
            second.wait(90, event="verdict", participant="Ann")
            assert second.end() == 0
