"""The page of the cameras in a real browser: one is added, watched, alerted on and removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from models import write_models
from playwright import sync_api
from webrtc_runs import truefeed

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
SHOWN = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(data).size;
}"""
"Counts the values of the colours in a canvas; one that nothing was drawn into has a single one."


@pytest.fixture
def page() -> Iterator[Any]:
    """A page that fails the test where it reports an error."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.set_default_timeout(90_000)
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
        browser.close()
        assert wrong == []


def test_a_camera_is_added_watched_and_removed_on_the_page(page: Any, tmp_path: Path) -> None:
    # Always an alert: what is at or above nothing.
    certain = ("--alert-at", "0.01", "--clear-at", "0.005")
    with truefeed("serve", "--port", "0", "--model", write_models(tmp_path), *certain) as running:
        call = running.wait(120, event="stream", source="call", state="online")["detail"]
        page.goto(call.removesuffix("/call") + "/live")
        page.wait_for_selector(".empty:has-text('Nothing is watched yet.')")
        page.fill("#url", "demo")
        page.fill("#name", "front door")
        page.locator("form button").click()
        tile = page.locator(".tile")
        tile.locator(".pill.online").wait_for()
        tile.locator(".badge:is(.real, .uncertain, .fake)").wait_for()
        assert tile.locator("h2").inner_text() == "front door"
        assert tile.locator(".stage canvas").evaluate(SHOWN) > 20
        alert = page.locator(".result.alert", has_text="front door").first
        alert.wait_for()
        assert "Going on" in alert.inner_text()
        tile.get_by_role("button", name="Remove front door").click()
        page.locator("dialog .danger").click()
        tile.wait_for(state="detached")
        page.wait_for_selector(".empty:has-text('Nothing is watched yet.')")
        assert alert.is_visible()  # the alerts stay
        running.wait(60, event="summary", participant="front door")
        assert running.end(timeout=60) == 0
