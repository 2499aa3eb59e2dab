"""The screen as a source: windows that move, hide, close and come back on a real X display."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import x_display
from clips import moving_face, write_video
from truefeed.stream.errors import SourceError
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.types import Frame, StateChange
from x_display import XDisplay

pytestmark = pytest.mark.skipif(not x_display.available(), reason=f"{', '.join(x_display.TOOLS)} are needed")
GREEN, BLUE = (0, 255, 0), (255, 0, 0)
"Of pictures: BGR."


@pytest.fixture(scope="module")
def display() -> Iterator[XDisplay]:
    shown = XDisplay(1280, 720)
    yield shown
    shown.close()


@pytest.fixture(autouse=True)
def here(display: XDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)


def watch(spec: str) -> Capture:
    return Capture(open_source(spec, SourceOptions(audio=False, backoff=(0.2, 0.2))), ring=100)


def take(capture: Capture, until: Callable[[Frame | StateChange], bool]) -> Any:
    """Return the first thing for which the condition holds."""
    deadline = time.monotonic() + 20
    said = []
    while time.monotonic() < deadline:
        item = capture.poll(0.1)
        assert not isinstance(item, End)
        if isinstance(item, StateChange):
            said.append(item)
        if isinstance(item, (Frame, StateChange)) and until(item):
            return item
    raise AssertionError(f"it did not come; {said}")


def state(name: str) -> Callable[[Frame | StateChange], bool]:
    return lambda item: isinstance(item, StateChange) and item.state == name


def shows(colour: tuple[int, int, int], x: int, y: int) -> Callable[[Frame | StateChange], bool]:
    return lambda item: isinstance(item, Frame) and tuple(item.image[y, x]) == colour


def refused(spec: str) -> str:
    with pytest.raises(SourceError) as told:
        list(open_source(spec, SourceOptions(audio=False)).items(threading.Event()))
    return str(told.value)


def test_a_monitor_and_a_region(display: XDisplay) -> None:
    window = display.window((100, 50, 200, 150), "square", colour=0x00FF00, managed=False)
    with watch("screen") as capture:
        frame = take(capture, shows(GREEN, 110, 60))
        assert frame.image.shape == (720, 1280, 3)
        assert frame.screen == (0, 0, 1280, 720)
    with watch("screen:90,40,50,5000") as capture:  # cut at the border of the screen
        frame = take(capture, shows(GREEN, 10, 10))
        assert frame.image.shape == (680, 50, 3)
        assert frame.screen == (90, 40, 50, 680)
        assert tuple(frame.image[9, 10]) != GREEN
    display.close_window(window)


def test_the_last_seconds_make_a_clip(display: XDisplay, tmp_path: Path) -> None:
    window = display.window((0, 0, 200, 150), "square", colour=0x00FF00, managed=False)
    source = open_source("screen:0,0,320,240", SourceOptions(audio=False, packets=True))
    with Capture(source, ring=100) as capture:
        for x in (0, 20, 40):
            window.configure(x=x)
            display.connection.sync()
            take(capture, shows(GREEN, x + 2, 5))
        clip = capture.packets.write_clip(tmp_path / "clip.mp4")
    assert clip is not None
    with av.open(str(clip)) as file:
        pictures = [frame.to_ndarray(format="bgr24") for frame in file.decode(video=0)]
    assert len(pictures) >= 3
    assert pictures[-1].shape == (240, 320, 3)
    assert np.abs(pictures[-1][10, 100].astype(int) - GREEN).max() < 20
    assert pictures[-1][10, 20].max() < 60
    display.close_window(window)


def test_what_does_not_change_is_not_shown_again(display: XDisplay) -> None:
    window = display.window((0, 0, 200, 150), "square", colour=0x00FF00, managed=False)
    with watch("screen") as capture:
        take(capture, shows(GREEN, 5, 5))
        time.sleep(2.5)
        assert capture.poll(0) is None
        window.configure(x=300)
        display.connection.sync()
        assert take(capture, shows(GREEN, 305, 5)).t > 2.4
        assert capture.stats.state == "online"
    display.close_window(window)


def test_a_window_is_followed(display: XDisplay) -> None:
    window = display.window((100, 100, 300, 200), "A call - Meeting", colour=0x00FF00)
    with watch("screen:meeting") as capture:
        first = take(capture, shows(GREEN, 5, 5))
        assert first.image.shape == (200, 300, 3)
        window.configure(x=400, y=250)
        display.connection.sync()
        moved = take(capture, lambda item: isinstance(item, Frame) and item.screen != first.screen)
        assert moved.screen[0] >= 400
        assert moved.image.shape == (200, 300, 3)
        assert (moved.image == GREEN).all()
        window.configure(width=350)
        display.connection.sync()
        assert take(capture, lambda item: isinstance(item, Frame) and item.image.shape[1] == 350).discontinuity
        assert capture.stats.reconnects == 0
    display.close_window(window)


def test_what_covers_a_window_is_not_of_it(display: XDisplay) -> None:
    window = display.window((100, 100, 300, 200), "watched", colour=0x00FF00)
    with watch("screen:watched") as capture:
        take(capture, shows(GREEN, 250, 150))
        part = display.window((300, 200, 400, 300), "a note", colour=0x0000FF, managed=False)
        frame = take(capture, shows((110, 110, 110), 250, 150))
        assert (frame.image[:95, :195] == GREEN).all()
        assert not (frame.image == BLUE).all(-1).any()
        whole = display.window((50, 50, 500, 400), "a report", colour=0x0000FF, managed=False)
        assert take(capture, state("stalled")).detail == "the window is covered by 'a report'"
        display.close_window(whole)
        take(capture, state("online"))
        assert take(capture, lambda item: isinstance(item, Frame)).discontinuity
        display.close_window(part)
        take(capture, shows(GREEN, 250, 150))
    display.close_window(window)


def test_a_window_minimised_closed_and_opened_again(display: XDisplay) -> None:
    window = display.window((100, 100, 300, 200), "a meeting", colour=0x00FF00)
    with watch("screen:a meeting") as capture:
        take(capture, shows(GREEN, 5, 5))
        display.tool("windowminimize", str(window.id))
        assert "minimised" in take(capture, state("stalled")).detail
        display.tool("windowactivate", str(window.id))
        take(capture, state("online"))
        display.close_window(window)
        assert take(capture, state("retrying")).detail == "the window was closed; next attempt in 0.2 s"
        assert "no window has 'a meeting' in its title" in take(capture, state("retrying")).detail
        window = display.window((200, 200, 320, 240), "a meeting", colour=0x00FF00)
        take(capture, state("online"))
        assert take(capture, shows(GREEN, 5, 5)).image.shape == (240, 320, 3)
        assert capture.stats.reconnects == 1
    display.close_window(window)


def test_a_locked_screen(display: XDisplay) -> None:
    with watch("screen") as capture:
        take(capture, lambda item: isinstance(item, Frame))
        lock = display.window((0, 0, 1280, 720), "lock", colour=0, managed=False)
        assert take(capture, state("stalled")).detail == "the screen is locked"
        display.close_window(lock)
        take(capture, state("online"))
        display.connection.force_screen_saver(1)
        display.connection.sync()
        assert take(capture, state("stalled")).detail == "the screen saver is on"
        display.connection.force_screen_saver(0)
        display.connection.sync()
        take(capture, state("online"))


def test_titles_that_fit_none_or_several(display: XDisplay) -> None:
    titles = ("Call - Ann", "Call - Bob", "Call")
    windows = [display.window((100 * i, 0, 50, 50), title) for i, title in enumerate(titles)]
    windows.append(display.window((400, 0, 50, 50), "truefeed watch screen:Ann - Terminal"))
    assert "2 windows are called so: 'Call - Ann', 'Call - Bob'; write more" in refused("screen:call -")
    assert "there is: 'Call', 'Call - Ann', 'Call - Bob'" in refused("screen:Zoom")
    for title in ("Call", "Ann"):  # the whole title goes before a part; the terminal is not meant
        with watch(f"screen:{title}") as capture:
            take(capture, state("online"))
    for window in windows:
        display.close_window(window)


def test_a_window_is_told_by_its_face(display: XDisplay, tmp_path: Path) -> None:
    """A player's window, from the pixels of a clip to the pixels of a frame."""
    pictures = moving_face(2)
    player = display.play(write_video(tmp_path / "face.mp4", pictures), "player", (200, 100))
    with watch("screen:player") as capture:
        take(capture, state("online"))
        frames = [take(capture, lambda item: isinstance(item, Frame)) for _ in range(5)]
    for frame in frames[1:]:
        shown = frame.image.astype(int)
        assert min(np.abs(shown - picture).mean() for picture in pictures) < 6  # coded with loss
    assert (np.diff([frame.t for frame in frames]) > 0.05).all()
    player.terminate()


def test_what_cannot_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    for spec, environment, told in (
        ("screen:7", {}, "there is no monitor 7; there is: 1 (1280x720 at 0,0)"),
        ("screen:5000,0,10,10", {}, "nothing of the screen lies there: it is 1280x720 at 0,0"),
        ("screen", {"DISPLAY": ""}, "there is no display here"),
        ("screen", {"DISPLAY": ":4242"}, "the screen cannot be read"),
        ("screen", {"WAYLAND_DISPLAY": "wayland-0"}, "this is a Wayland session"),
        ("screen", {"XDG_SESSION_TYPE": "wayland"}, "log in to a session of X11"),
    ):
        with monkeypatch.context() as there:
            for name, value in environment.items():
                there.setenv(name, value)
            said = refused(spec)
        assert said.startswith(f"{spec}: ")
        assert told in said


@pytest.mark.parametrize("part", ["0", "1,2,0,3"])
def test_parts_that_cannot_be(part: str) -> None:
    with pytest.raises(SourceError, match=f"screen:{part}: "):
        open_source(f"screen:{part}")


def test_a_display_that_goes_away() -> None:
    """Nobody hangs, nobody dies: the source waits for it to come back."""
    shown = XDisplay(320, 240)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DISPLAY", shown.name)
        with watch("screen") as capture:
            take(capture, lambda item: isinstance(item, Frame))
            shown.close()
            assert "the display has gone" in take(capture, state("retrying")).detail
            assert "cannot be read" in take(capture, state("retrying")).detail
