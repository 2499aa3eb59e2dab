"""The pages in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

import cv2
import soundfile
from clips import moving_face, write_video
from media import portrait
from truefeed.stream import words
from truefeed.stream.commands.options import parser
from voices import voiced
from web_server import Web, small_models

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
PAGES = Path(__file__).parents[3] / "stream" / "web" / "pages"
OVER = "main .answer"
EVERY = (("/", ".drop"), ("/history", ".result"), ("/live", "form"), ("/ways", "#law"), ("/people", "#who"))
"The other pages, and what there is once one of them is shown."


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    models = small_models(tmp_path_factory.mktemp("models"))
    with Web(tmp_path_factory.mktemp("data"), models, keep_days=0) as web:
        yield web


@pytest.fixture
def page(browser: Any, web: Web) -> Iterator[Any]:
    """A page that fails the test where it asks another host or reports an error."""
    wrong: list[str] = []
    context = browser.new_context(base_url=web.root, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request", lambda ask: wrong.append(ask.url) if not ask.url.startswith((web.root, "blob:", "data:")) else None
    )
    yield page
    context.close()
    assert [one for one in wrong if "net::ERR_FAILED" not in one] == []  # which a test breaks off on purpose


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    cv2.imwrite(str(folder / "face.jpg"), portrait())
    soundfile.write(folder / "voice.wav", voiced(120, 6.0, 1), 16000)
    clip = write_video(folder / "clip.mp4", moving_face(3, fps=12, size=(320, 240)), fps=12)
    return {"image": folder / "face.jpg", "audio": folder / "voice.wav", "video": clip}


def until(page: Any, script: str, timeout: float = 40) -> None:
    """Wait until an expression is true; Playwright's own way is forbidden by the page's security policy."""
    deadline = time.monotonic() + timeout
    while not page.evaluate(script):
        assert time.monotonic() < deadline, script
        time.sleep(0.1)


def test_a_video_from_the_drop_zone_to_the_player(page: Any, files: dict[str, Path]) -> None:
    page.goto("/")
    page.set_input_files("#file", files["video"])
    page.wait_for_url("**/scan/*")
    page.wait_for_selector(OVER)
    assert page.locator("h1").inner_text()
    assert page.locator("h1").count() == 1
    # The file was not kept by the server; the one in this tab is played.
    until(page, "document.querySelector('video').readyState >= 2")
    page.evaluate("document.querySelector('video').currentTime = 1.5")
    drawn = "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v))"
    until(page, f"{drawn}(document.querySelector('.stage canvas'))")
    slider = page.locator("input.seek")
    until(page, "Math.abs(document.querySelector('input.seek').value - 1.5) < 0.2")  # the player tells in its own time
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(page, "Math.abs(document.querySelector('video').currentTime - 1.6) < 0.05")
    page.locator(".lane svg").first.click(position={"x": 5, "y": 20})
    until(page, "document.querySelector('video').currentTime < 0.5")
    assert page.locator("article.face img").count() == 2
    page.reload()
    page.wait_for_selector("#again", state="attached")
    page.set_input_files("#again", files["image"])
    page.wait_for_selector("text=This is another file")
    page.set_input_files("#again", files["video"])
    until(page, "document.querySelector('video').readyState >= 2")


def test_a_picture_and_a_voice(page: Any, files: dict[str, Path]) -> None:
    for kind, shown in (("image", ".playing .boxed rect"), ("audio", ".lane .wave")):
        page.goto("/")
        page.set_input_files("#file", files[kind])
        page.wait_for_url("**/scan/*")
        page.wait_for_selector(OVER)
        page.wait_for_selector(shown, state="attached")
        page.locator("summary").click()
        assert page.locator("details code").first.is_visible()


def test_several_at_once_are_listed_on_the_first_page(page: Any, files: dict[str, Path]) -> None:
    page.goto("/")
    page.set_input_files("#file", [files["image"], files["audio"]])
    for name in ("face.jpg", "voice.wav"):
        page.wait_for_selector(f".result:has-text('{name}') .badge:not(.running)")


def test_a_file_that_is_dropped_or_pasted(page: Any) -> None:
    page.goto("/")
    for event in ("drop", "paste"):
        page.wait_for_selector(".drop")
        page.evaluate(
            """async (event) => {
                const canvas = new OffscreenCanvas(60, 60);
                canvas.getContext("2d").fillRect(0, 0, 50, 50);
                const data = new DataTransfer();
                data.items.add(new File([await canvas.convertToBlob()], `${event}.png`, { type: "image/png" }));
                const made = event === "drop"
                    ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
                document.querySelector(".drop").dispatchEvent(made);
            }""",
            event,
        )
        page.wait_for_url("**/scan/*")
        page.wait_for_selector(OVER)
        assert "nothing here that could be judged" in page.locator("h1").inner_text()
        page.goto("/")


def test_what_is_broken_is_told_and_its_name_is_only_text(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=document.title=1>.mp4"
    file.write_bytes(b"no video" * 99)
    page.goto("/")
    page.set_input_files("#file", file)
    page.wait_for_url("**/scan/*")
    page.wait_for_selector(".answer.error")
    assert page.locator("h1").inner_text() == "This file could not be judged"
    page.goto("/history")
    page.wait_for_selector(".result")
    assert page.locator("img[src=x]").count() == 0
    assert file.name in page.locator("main").inner_text()


def test_history_is_searched_and_deleted_with_the_keyboard_alone(page: Any, web: Web, files: dict[str, Path]) -> None:
    key = web.judged(files["image"], "needle.jpg")["id"]
    page.goto("/history")
    page.wait_for_selector(".result")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        if page.evaluate("document.activeElement.id") == "q":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("needle")
    until(page, "document.querySelectorAll('.result').length === 1")
    while page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''") != "Delete needle.jpg":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.result').length === 0")
    assert web.ask("GET", f"/api/v1/scans/{key}").status == 404
    assert not (web.data / "scans" / key).exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(browser: Any, web: Web, files: dict[str, Path], scheme: str) -> None:
    key = web.judged(files["video"])["id"]
    context = browser.new_context(
        base_url=web.root, viewport={"width": 360, "height": 740}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    for path, shown in (
        ("/", ".drop"),
        (f"/scan/{key}", OVER),
        ("/history", ".result"),
        ("/live", "form"),
        ("/ways", "#law"),
    ):
        page.goto(path)
        page.wait_for_selector(shown)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    bright = "(c => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0))"
    paper = page.evaluate(f"{bright}(getComputedStyle(document.body).backgroundColor)")
    assert (paper > 600) == (scheme == "light")
    context.close()


def test_every_picture_has_its_text_and_every_field_its_name(page: Any, web: Web, files: dict[str, Path]) -> None:
    key = web.judged(files["image"])["id"]
    for path, shown in (
        ("/", ".drop"),
        (f"/scan/{key}", OVER),
        ("/history", ".result"),
        ("/live", "form"),
        ("/ways", "#law"),
    ):
        page.goto(path)
        page.wait_for_selector(shown)
        assert page.locator("img:not([alt])").count() == 0
        fields = page.evaluate(
            "[...document.querySelectorAll('input, select')].map(e => [e.id, e.labels.length, e.ariaLabel])"
        )
        assert [field for field in fields if not (field[1] or field[2])] == []
        buttons = "[...document.querySelectorAll('button')].map(e => e.textContent.trim() || e.ariaLabel)"
        assert all(page.evaluate(buttons))
        assert page.evaluate("document.documentElement.lang") == "en"


def test_the_pages_are_small_and_every_string_is_in_the_table() -> None:
    assert sum(file.stat().st_size for file in PAGES.iterdir()) < 300_000
    table = json.loads(words.text())
    for file in PAGES.glob("*.js"):
        for key in re.findall(r"\bt\(\"([\w.-]+)\"", file.read_text()):
            assert key in table, (file.name, key)


def test_which_way_for_which_call_is_told_and_each_command_is_one(page: Any) -> None:
    page.goto("/live")
    page.click("text=which way for which call")
    page.wait_for_selector("#law")
    assert page.evaluate("document.body.innerText.match(/ways\\.[a-z.]+/g)") is None  # every string is in the table
    page.click("nav.jump >> text=A telephone")
    assert page.evaluate("document.activeElement.id") == "phone"
    commands = set(page.locator(".how code").all_inner_texts())
    guide = (PAGES.parents[2] / "docs" / "which-way.md").read_text()
    for command in commands:
        parser().parse_args(command.split()[1:])
        assert command in guide, command
    assert len(commands) >= 12


def test_an_upload_waits_for_the_connection(page: Any, web: Web, tmp_path: Path) -> None:
    file = tmp_path / "long.bin.mp4"
    file.write_bytes(b"\0" * (20 << 20))
    page.goto("/")
    broken = {"left": 2}

    def break_off(route: Any) -> None:
        if broken["left"]:
            broken["left"] -= 1
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/uploads/*", break_off)
    page.set_input_files("#file", file)
    page.wait_for_selector("text=The connection broke off")
    page.wait_for_url("**/scan/*")
    page.wait_for_selector(".answer.error")
    assert broken["left"] == 0
