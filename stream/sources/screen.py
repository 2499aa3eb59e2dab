"""The screen: a monitor, a region or a window, taken by a process of its own (truefeed.stream.screen.grabber)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from queue import Empty, Full, Queue
from typing import Any, BinaryIO, cast

import cv2
import numpy as np

from ..errors import MissingExtraError, SourceError, SourceNotFoundError
from ..screen.messages import receive
from ..screen.target import Rect, parse
from ..types import Frame, Image, StateChange
from .base import Item, SourceOptions
from .reconnect import TICK, LiveSource, StalledError
from .screen_clip import JpegPackets
from .timestamps import Timeline

_PROGRAM = "truefeed.stream.screen.grabber"
_SILENT = 5.0
"A grabber that says nothing for so long hangs, s."
_COVERED = 110
"Grey level of what other windows hide."
_Message = tuple[dict[str, Any], bytearray]


def is_screen(spec: str) -> bool:
    """Say whether a word of the command line names the screen."""
    return spec == "screen" or spec.startswith("screen:")


def screen(spec: str, options: SourceOptions) -> ScreenSource:
    """Return the source of `screen` or `screen:PART`. Raises SourceError where PART can be none."""
    part = spec.partition(":")[2]
    try:
        parse(part)
    except ValueError as error:
        raise SourceNotFoundError(f"{spec}: {error}") from None
    return ScreenSource(spec, part, options)


class ScreenSource(LiveSource):
    """What a part of the screen shows; pictures come as it changes, ten a second at most.

    Args:
        name: what to call it.
        part: as `screen.target.parse` takes it.
        options: how it is watched.
    """

    screen = True
    "See `sources.base.shows_screen`."

    def __init__(self, name: str, part: str, options: SourceOptions) -> None:
        super().__init__(name, options)
        self._part = part

    def _connect(self, timeline: Timeline, number: int) -> _ScreenConnection:
        for package in ("mss", *(["Xlib"] if sys.platform == "linux" else [])):
            if find_spec(package) is None:
                raise MissingExtraError({"Xlib": "python-xlib"}.get(package, package), "screen")
        coder = JpegPackets(number) if self._options.packets else None
        connection = _ScreenConnection(self.name, self._part, timeline, coder)
        try:
            connection.wait()
        except SourceError:
            connection.close()
            raise
        return connection


class _ScreenConnection:
    """A grabber at work. A thread reads it, so that nobody hangs in a pipe."""

    def __init__(self, name: str, part: str, timeline: Timeline, coder: JpegPackets | None) -> None:
        self._name = name
        self._coder = coder
        self._timeline = timeline
        # -P: what lies in the folder that this runs in is not to be taken for modules of Python.
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM, part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._messages: Queue[_Message | None] = Queue(2)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"screen {name}", daemon=True)
        self._thread.start()
        self._held: list[_Message] = []
        self._heard = time.monotonic()

    def _read(self) -> None:
        stdout = cast(BinaryIO, self._child.stdout)
        message: _Message | None = ({}, bytearray())
        while message is not None and not self._closed.is_set():
            message = receive(stdout)
            while not self._closed.is_set():
                try:
                    self._messages.put(message, timeout=TICK)
                    break
                except Full:
                    continue

    def wait(self) -> None:
        """Wait for the first message. Raises SourceNotFoundError where the screen can't be read."""
        message = self._next(timeout=2 * _SILENT)
        if message is None:
            raise SourceNotFoundError(f"{self._name}: the screen cannot be read: no answer in {2 * _SILENT:g} s")
        self._held.append(message)

    def _next(self, timeout: float) -> _Message | None:
        """Return the next message, or None. Raises SourceNotFoundError where there will be none."""
        if self._held:
            return self._held.pop()
        try:
            message = self._messages.get(timeout=timeout)
        except Empty:
            if time.monotonic() - self._heard > 2 * _SILENT:
                raise StalledError(f"the screen gave no answer for {2 * _SILENT:g} s") from None
            return None
        self._heard = time.monotonic()
        if message is None:
            assert self._child.stderr is not None
            told = self._child.stderr.read().decode(errors="replace").strip().splitlines()[-1:] or ["it ended"]
            raise SourceError(f"{self._name}: the screen cannot be read: {told[0]}")
        if "gone" in message[0]:
            raise SourceNotFoundError(f"{self._name}: {message[0]['gone']}")
        return message

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Connection.items`; what can't be seen for now is `stalled`, and says why."""
        online, away, shape = False, "", (0, 0)
        while not stop.is_set():
            message = self._next(TICK)
            head, pixels = message or ({}, bytearray())
            if "picture" not in head:
                if head.get("away", away) != away:
                    online, away = False, head["away"]
                    yield StateChange("stalled", away, time.monotonic())
                yield None
                continue
            image = _image(pixels, head["picture"], head["screen"], head["covers"])
            placed = self._timeline.place("video", head["at"], head["at"])
            if placed is None:
                continue
            jumped = placed[1] or not online or shape != image.shape[:2]
            shape = image.shape[0], image.shape[1]
            if not online:
                online, away = True, ""
                yield StateChange("online", "", head["at"])
            frame = Frame(image, placed[0], head["at"], jumped, screen=tuple(head["screen"]))
            if self._coder is not None and (packet := self._coder.packet(frame)) is not None:
                yield packet
            yield frame

    def close(self) -> None:
        """End the grabber."""
        self._closed.set()
        self._child.kill()
        self._thread.join(_SILENT)
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        self._child.wait()


def _image(pixels: bytearray, size: Sequence[int], screen: Rect, covers: Sequence[Rect]) -> Image:
    """Return (height, width, 3) BGR of BGRA pixels; what other windows hide is grey: it is not of this one."""
    width, height = size
    image = np.asarray(cv2.cvtColor(np.frombuffer(pixels, np.uint8).reshape(height, width, 4), cv2.COLOR_BGRA2BGR))
    across, down = width / screen[2], height / screen[3]
    for left, top, wide, high in covers:
        x, y = round((left - screen[0]) * across), round((top - screen[1]) * down)
        image[max(y, 0) : y + round(high * down), max(x, 0) : x + round(wide * across)] = _COVERED
    return image.astype(np.uint8, copy=False)
