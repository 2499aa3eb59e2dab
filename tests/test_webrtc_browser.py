"""The page of the call in a real browser."""

from __future__ import annotations

from pathlib import Path

import chromium
import cv2
import pytest

pytest.importorskip("aiortc")

from clips import moving_face, write_video
from models import write_models
from webrtc_runs import truefeed

pytestmark = pytest.mark.skipif(not chromium.available(), reason="Chromium is not installed: apt-get install chromium")


def test_a_browser_publishes_and_shows_what_is_thought_of_it(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "short.mp4", moving_face(4, fps=15), fps=15, tone=300)
    camera, microphone = chromium.fake_devices(clip, tmp_path)
    model = write_models(tmp_path)
    with truefeed("serve", "--port", "0", "--model", model) as running:
        page = running.wait(event="stream", source="call")["detail"]
        with chromium.Chromium(tmp_path / "profile", camera, microphone) as browser:
            browser.go(page)
            assert browser.evaluate("document.getElementById('start').disabled")
            browser.evaluate("document.getElementById('name').value = 'Eileen'")
            browser.evaluate("document.getElementById('agree').click()")
            browser.evaluate("document.getElementById('start').click()")
            browser.until("last && last.faces.length > 0 && last.width > 0", 60, lambda: running.events[-3:])
            browser.until("document.getElementById('people').innerText.includes('Eileen')")
            browser.until("document.getElementById('c-size').textContent.includes('VP8')")
            assert browser.evaluate("document.getElementById('status').textContent") in ("Real", "Unsure", "Fake")
            browser.until("performance.now() - seen < 300 && last.faces.length > 0")
            picture = cv2.imread(str(browser.screenshot(tmp_path / "page.png")))
            assert picture is not None
            assert picture.std() > 20
            start = len(running.events)
            browser.process.kill()
            ended = running.wait(20, start=start, event="stream", state="ended", participant="Eileen")
            assert ended["detail"] in ("nothing received for 3 s", "the other side left")
        assert running.end() == 0
