"""The overlay on a real screen: beside the faces and not on them, above all windows and in nobody's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import x_display
from clips import moving_face, write_video
from media import ffmpeg
from models import write_models
from truefeed.stream.commands.watch import watch
from truefeed.stream.config.build import build
from truefeed.stream.errors import ConfigError, TruefeedError
from truefeed.stream.sinks.screen_overlay import ScreenOverlay
from truefeed.stream.types import Alert, FaceVerdict, Frame, Image, StateChange, Status, Verdict
from x_display import Rect, XDisplay
from Xlib import X

pytest.importorskip("PySide6", reason="PySide6 is not installed: pip install 'truefeed[overlay]'")
pytestmark = pytest.mark.skipif(not x_display.available(), reason=f"{', '.join(x_display.TOOLS)} are needed")
SIZE = 1280, 720
RED = (80, 80, 255)
"Of the marks of a fake, BGR."


@pytest.fixture(scope="module", params=["plain", "compositor"])
def display(request: pytest.FixtureRequest) -> Iterator[XDisplay]:
    shown = XDisplay(*SIZE, compositor=request.param == "compositor")
    yield shown
    shown.close()


@pytest.fixture
def overlay(display: XDisplay, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScreenOverlay]:
    for name in ("DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.setenv(name, display.environment[name])
    sink = ScreenOverlay(1.05)
    yield sink
    sink.close()
    sink.close()


def screenshot(display: XDisplay, path: Path) -> Image:
    size = f"{SIZE[0]}x{SIZE[1]}"
    grab = ("-f", "x11grab", "-draw_mouse", "0", "-video_size", size, "-i", display.name)
    ffmpeg(*grab, "-frames:v", "1", path)
    image = cv2.imread(str(path))
    assert image is not None
    return image.astype(np.uint8)


def area(image: Image, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(2) < 25).sum())


def face(number: int, box: tuple[float, float, float, float], status: Status = "fake") -> FaceVerdict:
    return FaceVerdict(number, 0.93, status, (), box)


def tell(sink: ScreenOverlay, *faces: FaceVerdict, screen: Rect = (0, 0, *SIZE)) -> None:
    frame = Frame(np.zeros((screen[3], screen[2], 3), np.uint8), 1.0, time.monotonic(), screen=screen)
    sink.verdict(Verdict("screen", 1.0, 0.93, "fake", (), None, faces, 0.1), frame)
    deadline, before = time.monotonic() + 15, len(sink.delays)
    while len(sink.delays) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for(display: XDisplay, path: Path, least: int) -> Image:
    """Return a picture of the screen with so much of the marks on it; a compositor takes its time."""
    for _ in range(40):
        image = screenshot(display, path)
        if area(image, RED) >= least:
            return image
        time.sleep(0.2)
    raise AssertionError(f"the screen shows {area(image, RED)} px of the marks, see {path}")


def test_no_pixel_of_a_crop_is_touched(display: XDisplay, overlay: ScreenOverlay, tmp_path: Path) -> None:
    noise = display.window((0, 0, *SIZE), "noise", colour=0x203040)
    before = screenshot(display, tmp_path / "before.png")
    corners = [(150, 200), (240, 200), (500, 60), (900, 500)]
    faces = [face(i, (x, y, x + 60, y + 74)) for i, (x, y) in enumerate(corners)]
    # The window that is watched lies at 20, 30: boxes are in px of its picture.
    tell(overlay, *faces, screen=(20, 30, 1200, 600))
    after = wait_for(display, tmp_path / "after.png", 800)
    changed = (before != after).any(-1)
    assert changed.sum() > 4000  # marks, labels and the bar
    for one in faces:
        left, top, right, bottom = one.box
        x, y = round((left + right) / 2) + 20, round((top + bottom) / 2) + 30
        # A crop that measures motion has 1.2 sides of the face's square, which is 1.42 times as wide as the box;
        # 1.3: however the head is tilted.
        half = round(1.42 * 60 * 1.2 * 1.3 / 2)
        assert not changed[y - half : y + half, x - half : x + half].any()
        near = changed[max(y - 2 * half, 0) : y + 2 * half, x - 2 * half : x + 2 * half]
        assert near.any()
    tell(overlay)
    assert area(screenshot(display, tmp_path / "none.png"), RED) < 300  # only the dot in the bar
    display.close_window(noise)


def test_it_stays_on_top_and_lets_clicks_through(display: XDisplay, overlay: ScreenOverlay, tmp_path: Path) -> None:
    tell(overlay, face(1, (600, 300, 660, 374)))
    wait_for(display, tmp_path / "first.png", 300)
    window = display.window((0, 0, 1280, 600), "opened later")
    window.change_attributes(event_mask=X.ButtonPressMask)
    display.connection.sync()
    image = wait_for(display, tmp_path / "on-top.png", 300)
    rows, columns = np.nonzero(np.abs(image[:600].astype(int) - RED).max(2) < 25)
    display.tool("mousemove", str(columns[0]), str(rows[0]), "click", "1")
    display.wait(lambda: display.connection.pending_events() > 0)
    assert display.connection.next_event().type == X.ButtonPress
    display.close_window(window)


@pytest.mark.parametrize("display", ["compositor"], indirect=True)
def test_stop_in_the_bar_is_an_end(display: XDisplay, overlay: ScreenOverlay) -> None:
    overlay.state("screen", StateChange("online"))
    overlay.alert(Alert("screen", True, "face 1", 0.95, 1.0))
    tell(overlay)
    bar = display.find("truefeed")
    place = dict(line.split("=") for line in display.tool("getwindowgeometry", "--shell", bar).splitlines())
    x, y = (int(place[a]) + int(place[b]) for a, b in (("X", "WIDTH"), ("Y", "HEIGHT")))
    assert (x, y) <= SIZE
    assert not overlay.done
    display.tool("mousemove", str(x - 30), str(y - 18), "click", "1")
    display.wait(lambda: overlay.done)


@pytest.mark.parametrize("display", ["compositor"], indirect=True)
def test_a_drawer_that_dies_is_told_and_not_an_end(overlay: ScreenOverlay, display: XDisplay) -> None:
    os.kill(overlay._child.pid, signal.SIGKILL)
    overlay._child.wait()
    display.wait(lambda: overlay._gone)
    with pytest.raises(TruefeedError, match="the marks over the screen are gone"):
        overlay.state("screen", StateChange("online"))
    assert not overlay.done


@pytest.mark.parametrize("display", ["compositor"], indirect=True)
def test_a_call_on_the_screen_is_watched_and_marked(display: XDisplay, tmp_path: Path) -> None:
    """All of it: a player, the picture of its window, a face, its marks on the screen, and Stop."""
    player = display.play(write_video(tmp_path / "face.mp4", moving_face(1), fps=5), "player", (100, 100))
    model = write_models(tmp_path)
    words = ["watch", "screen:player", "--overlay", "screen", "--json", "--no-audio", "--model", str(model)]
    with subprocess.Popen(
        [sys.executable, "-m", "truefeed.stream", *words],
        env=display.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            if json.loads(line).get("faces"):
                break
        bar = display.find("truefeed")
        display.find("truefeed marks")
        place = dict(line.split("=") for line in display.tool("getwindowgeometry", "--shell", bar).splitlines())
        x, y = (int(place[a]) + int(place[b]) for a, b in (("X", "WIDTH"), ("Y", "HEIGHT")))
        display.tool("mousemove", str(x - 30), str(y - 18), "click", "1")
        events = [json.loads(line) for line in child.stdout]
        assert child.wait(30) == 0, child.stderr.read()
    assert events[-1]["event"] == "summary"
    # Its own marks never became faces.
    assert all(len(event["faces"]) <= 1 for event in events if event["event"] == "verdict")
    player.terminate()


@pytest.mark.parametrize(
    ("source", "shown", "told"),
    [
        ("demo", ":0", "--overlay screen draws over the screen; demo is not on it"),
        ("screen", "", "--overlay screen needs a display"),
    ],
)
def test_where_it_cannot_be_asked_for(source: str, shown: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", shown)
    settings = build([source], {"overlay": "screen"}, None)
    with pytest.raises(ConfigError, match=told):
        watch(settings, sys.stdout, sys.stderr)


def test_where_nothing_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4242")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    with pytest.raises(ConfigError, match=r"--overlay screen: nothing can be drawn: .*:4242"):
        ScreenOverlay(1.0)
