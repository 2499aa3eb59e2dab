"""The overlay in a window: one window for all sources, side by side where there are several."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import time

import cv2
import numpy as np

from ..errors import ConfigError
from ..types import Alert, Frame, Image, StateChange, Verdict
from .base import Sink
from .drawing import WHITE, text
from .overlay import Overlay

TITLE = "truefeed"
_SIZE = (1280, 720)
"Of the window at first, and of the picture that several sources share, px."
_EVERY = 1 / 30
"Shortest time between two pictures on the screen, s."
_BLANK = np.full((_SIZE[1] // 2, _SIZE[0] // 2, 3), 24, np.uint8)
_KEYS = (27, ord("q"))


class Window(Sink):
    """Shows the overlay. The keys q and Esc, or closing the window, set `done`.

    All calls come from one thread, which on macOS must be the main one.
    """

    def __init__(self, *, raise_at: float | None = None) -> None:
        """Open the window; raise_at is marked in the meters.

        Raises:
            ConfigError: there is no display that a window could be shown on.
        """
        check_display()
        # The wheel's Qt complains of fonts that nothing here uses.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        self._raise_at = raise_at
        self._overlays: dict[str, Overlay] = {}
        self._last: dict[str, Frame] = {}
        self._canvas = np.zeros((0, 0, 3), np.uint8)
        self._changed: set[str] = set()
        self._shown = float("-inf")
        self._open = False

    def add(self, source: str) -> None:
        """Make room for a source before its first picture."""
        self._overlay(source)

    def remove(self, source: str) -> None:
        """Take the tile of a participant who has left out of the window."""
        self._overlays.pop(source, None)
        self._last.pop(source, None)
        self._changed = set(self._overlays)
        self._canvas = np.zeros((0, 0, 3), np.uint8)

    def state(self, source: str, change: StateChange) -> None:
        self._overlay(source).state(change)
        self._redraw(source)

    def frame(self, source: str, frame: Frame) -> None:
        self._last[source] = frame
        self._redraw(source)

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self._overlay(verdict.source).verdict(verdict)
        if frame is None:  # a source of sound only, or one whose picture stands still
            frame = self._last.get(verdict.source) or Frame(_BLANK, verdict.t, time.monotonic())
        self.frame(verdict.source, frame)

    def alert(self, alert: Alert) -> None:
        self._overlay(alert.source).alert(alert)

    def idle(self) -> None:
        """Serve the window while no picture comes. To be called often."""
        if self._changed and time.monotonic() - self._shown >= _EVERY:
            self._show()
        elif self._open:
            self._serve()

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(cv2.error):  # its user was faster
                cv2.destroyWindow(TITLE)
                cv2.waitKey(1)

    def _overlay(self, source: str) -> Overlay:
        if source not in self._overlays:
            self._overlays[source] = Overlay(source, raise_at=self._raise_at)
            self._changed.add(source)
        return self._overlays[source]

    def _redraw(self, source: str) -> None:
        self._overlay(source)
        self._changed.add(source)
        # A screen takes 30 pictures a second; what comes faster is not drawn.
        if time.monotonic() - self._shown >= _EVERY:
            self._show()

    def _show(self) -> None:
        if self.done:
            return
        self._shown = time.monotonic()
        picture = self._picture()
        self._changed.clear()
        if not self._open:
            self._open = True
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            height, width = picture.shape[:2]
            factor = min(_SIZE[0] / width, _SIZE[1] / height)
            cv2.resizeWindow(TITLE, max(round(width * factor), 1), max(round(height * factor), 1))
        cv2.imshow(TITLE, picture)
        self._serve()

    def _serve(self) -> None:
        key = cv2.waitKey(1) & 0xFF
        try:
            closed = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # with its last window Qt is gone altogether
            closed, self._open = True, False
        self.done = self.done or closed or key in _KEYS

    def _picture(self) -> Image:
        names = list(self._overlays)
        if len(names) == 1 and names[0] in self._last:
            frame = self._last[names[0]]
            # A small picture is made larger before the words are drawn, and not by the window afterwards.
            return self._overlays[names[0]].draw(frame.image, frame.t, scale=max(_scale(frame.image, *_SIZE), 1.0))
        columns = math.ceil(math.sqrt(len(names)))
        rows = math.ceil(len(names) / columns)
        width, height = _SIZE[0] // columns, _SIZE[1] // rows
        if self._canvas.shape[:2] != (height * rows, width * columns):
            self._canvas = np.zeros((height * rows, width * columns, 3), np.uint8)
            self._changed.update(names)
        for number, name in enumerate(names):
            if name in self._changed:
                top, left = number // columns * height, number % columns * width
                self._canvas[top : top + height, left : left + width] = self._tile(name, width, height)
        return self._canvas

    def _tile(self, name: str, width: int, height: int) -> Image:
        frame = self._last.get(name)
        if frame is None:
            blank = np.full((height, width, 3), 24, np.uint8)
            text(blank, f"{name}: connecting", 16, height // 2, 16, WHITE)
            return blank
        drawn = self._overlays[name].draw(frame.image, frame.t, scale=_scale(frame.image, width, height))
        return letterbox(drawn, width, height)


def _scale(image: Image, width: int, height: int) -> float:
    return float(min(width / image.shape[1], height / image.shape[0]))


def letterbox(image: Image, width: int, height: int) -> Image:
    """Return HxWx3 scaled to fit (height, width, 3), with black at the sides where its shape is another."""
    old_height, old_width = image.shape[:2]
    if (old_width, old_height) == (width, height):
        return image
    factor = min(width / old_width, height / old_height)
    new_width, new_height = max(round(old_width * factor), 1), max(round(old_height * factor), 1)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (new_width, new_height), interpolation=method)
    result = np.zeros((height, width, 3), np.uint8)
    left, top = (width - new_width) // 2, (height - new_height) // 2
    result[top : top + new_height, left : left + new_width] = scaled
    return result


def check_display() -> None:
    """Raise ConfigError where no window can be shown: without a display OpenCV would abort the whole process."""
    instead = "use --overlay FILE.mp4 or --overlay none"
    if not hasattr(cv2, "imshow"):
        raise ConfigError(f"this OpenCV has no windows: pip install opencv-python, or {instead}")
    if sys.platform in ("win32", "darwin"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise ConfigError(f"--overlay window needs a display and DISPLAY is not set: {instead}")
    if not _answers(display):
        raise ConfigError(f"--overlay window: the display {display} does not let us in: {instead}")


def _answers(display: str) -> bool:
    """Ask the X server; True also where there is no library to ask with."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    if not connection:
        return False
    x11.XCloseDisplay(connection)
    return True
