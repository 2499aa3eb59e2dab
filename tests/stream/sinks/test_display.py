"""The overlay's window on a real X server, looked at through its screen and closed by its user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import ffmpeg
from truefeed.stream.sinks.drawing import AMBER, GREEN, RED
from truefeed.stream.types import Image

TOOLS = ("Xvfb", "openbox", "xdotool", "ffmpeg")
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not all(map(shutil.which, TOOLS)), reason=f"{', '.join(TOOLS)} are needed"
)

CHILD = """
import sys, time
import numpy as np
from truefeed.stream.sinks.display import Window
from truefeed.stream.types import Alert, FaceVerdict, Frame, StateChange, Verdict

window = Window(raise_at=0.9)
for name in sys.argv[1:]:
    window.add(name)
end = time.monotonic() + 30
number = 0
while not window.done and time.monotonic() < end:
    for name in sys.argv[1:]:
        status = {"real": "real", "fake": "fake"}.get(name, "uncertain")
        face = FaceVerdict(1, 0.93, status, (), (220, 90, 420, 300))
        t = number / 10
        frame = Frame(np.full((360, 640, 3), 128, np.uint8), t, time.monotonic())
        window.verdict(Verdict(name, t, 0.93, status, (), 0.1, (face,), 0.04), frame)
    if number == 3 and "guest" in sys.argv:
        window.remove("guest")
        sys.argv.remove("guest")
    if number == 0:
        window.alert(Alert(sys.argv[-1], True, "face 1", 0.93, 0.0))
    number += 1
    for _ in range(5):
        window.idle()
        time.sleep(0.02)
    if number == 5:
        print("shown", flush=True)
print("done" if window.done else "late", flush=True)
window.close()
window.close()
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display of 1400x900 with a window manager, since without one nobody has the focus."""
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    display = f":{server.stdout.readline().strip()}"
    manager = subprocess.Popen(["openbox"], env=os.environ | {"DISPLAY": display}, stderr=subprocess.DEVNULL)
    yield display
    for process in (manager, server):
        process.terminate()
        process.wait(10)
    server.stdout.close()


@contextmanager
def shown(display: str, *sources: str) -> Iterator[subprocess.Popen[str]]:
    """Run a window of the sources until it is shown; it must have ended by itself when the block is left."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, *sources],
        env=os.environ | {"DISPLAY": display},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "shown\n"
        try:
            yield child
            xdotool(display, "search", "--sync", "--name", "^truefeed", "windowactivate", "--sync", "key", "q")
            assert child.stdout.readline() == "done\n"
            assert child.wait(10) == 0
        finally:
            child.kill()


def xdotool(display: str, *arguments: str) -> str:
    return subprocess.run(
        ["xdotool", *arguments], env=os.environ | {"DISPLAY": display}, check=True, capture_output=True, text=True
    ).stdout


def screenshot(display: str, path: Path) -> Image:
    ffmpeg("-f", "x11grab", "-video_size", "1400x900", "-i", display, "-frames:v", "1", path)
    image = cv2.imread(str(path))
    assert image is not None
    return image.astype(np.uint8)


def area(image: Image, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(2) < 25).sum())


def wait_for_area(display: str, path: Path, colour: tuple[int, int, int], least: int) -> Image:
    """Return a picture of the screen that shows enough of the colour; the window manager takes its time."""
    for _ in range(20):
        image = screenshot(display, path)
        if area(image, colour) >= least:
            return image
        time.sleep(0.2)
    raise AssertionError(f"the screen shows {area(image, colour)} px of {colour}, see {path}")


def test_the_overlay_is_on_the_screen(screen: str, tmp_path: Path) -> None:
    with shown(screen, "real"):
        image = wait_for_area(screen, tmp_path / "screen.png", GREEN, 500)
        assert area(image, (128, 128, 128)) > 200_000  # the camera's picture
        assert area(image, RED) > 10_000  # the banner


def test_several_sources_share_the_window(screen: str, tmp_path: Path) -> None:
    with shown(screen, "real", "unsure", "fake"):
        image = wait_for_area(screen, tmp_path / "screen.png", AMBER, 100)
        assert area(image, GREEN) > 100
        assert area(image, RED) > 1000
        assert len(xdotool(screen, "search", "--name", "^truefeed").split()) == 1


def test_who_has_left_leaves_no_tile_and_no_alert(screen: str, tmp_path: Path) -> None:
    with shown(screen, "real", "guest"):  # the alert is the guest's, who is gone before the picture is taken
        image = wait_for_area(screen, tmp_path / "screen.png", GREEN, 500)
        assert area(image, RED) == 0
        assert area(image, (128, 128, 128)) > 200_000  # the one who stays has the window to itself


def test_closing_the_window_is_an_end(screen: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, "cam"], env=os.environ | {"DISPLAY": screen}, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "shown\n"
        xdotool(screen, "search", "--sync", "--name", "^truefeed", "windowactivate", "--sync", "key", "alt+F4")
        assert child.stdout.readline() == "done\n"
        assert child.wait(10) == 0


@pytest.mark.parametrize("display", [None, "", ":4242"])
def test_without_a_display_there_is_an_error_and_no_abort(display: str | None) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if display is not None:
        environment["DISPLAY"] = display
    code = (
        "from truefeed.stream.errors import ConfigError\n"
        "from truefeed.stream.sinks.display import Window\n"
        "try:\n    Window()\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0  # OpenCV would have ended the process with a signal
    assert child.stdout.startswith("--overlay window")
    assert "--overlay FILE.mp4" in child.stdout
