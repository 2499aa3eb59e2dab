"""A program: gives pictures of the screen on its standard output, by mss, and says why where there is none.

Each message is `{"picture": [width, height], "screen": [left, top, width, height], "at": monotonic s, "covers": [...]}`
with the pixels as BGRA, `{"away": why}` while there is nothing to be seen, or `{"gone": why}` at the end.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from .messages import send
from .target import Rect, Target, UnseenError, overlap, parse

if TYPE_CHECKING:
    from .x11_windows import Windows

PERIOD = 0.1
"From picture to picture, s."
_ALIVE = 1.0
"A screen that does not change is told of so often, s."


def _check_session() -> None:
    if sys.platform != "linux":
        return
    if os.environ.get("XDG_SESSION_TYPE") == "wayland" or os.environ.get("WAYLAND_DISPLAY"):
        raise UnseenError(
            "this is a Wayland session, which shows no program the screen of others: log in to a session of X11 "
            "(the gear at the log-in), or let OBS record the screen and send it here"
        )
    if not os.environ.get("DISPLAY"):
        raise UnseenError("there is no display here (DISPLAY is not set)")


class Grabber:
    """Takes pictures of a part of the screen. Raises UnseenError where there is no such part."""

    def __init__(self, target: Target) -> None:
        _check_session()
        import mss

        self._mss: Any = mss
        self._target = target
        try:
            self._screen = mss.MSS()
        except mss.ScreenShotError as error:
            raise UnseenError(f"the screen cannot be read: {str(error).lower()}") from None
        self._lost: tuple[type[Exception], ...] = ()
        self._windows = self._known_windows()
        self._size = None if self._windows is None else self._windows.size
        self._window = None if target.title is None else self._find(target.title)
        self._area()

    def _known_windows(self) -> Windows | None:
        if sys.platform != "linux":
            return None
        from . import x11_windows

        self._lost = x11_windows.LOST
        try:
            return x11_windows.Windows()
        except self._lost as error:
            raise UnseenError(f"the screen cannot be read: {str(error).lower()}") from None

    def _find(self, title: str) -> int:
        if self._windows is None:
            raise UnseenError("windows are found by title under X11 only: write screen or screen:X,Y,WIDTH,HEIGHT")
        # The terminal that this was typed in may show it in its title.
        shown = [(number, name) for number, name in self._windows.titles() if f"screen:{title}" not in name]
        found = [one for one in shown if one[1] == title] or [o for o in shown if title.lower() in o[1].lower()]
        if len(found) == 1:
            return found[0][0]
        names = ", ".join(map(repr, sorted(name for _, name in (found or shown)))) or "none with a title"
        if found:
            raise UnseenError(f"{len(found)} windows are called so: {names}; write more of the title")
        raise UnseenError(f"no window has {title!r} in its title; there is: {names}")

    def _area(self) -> Rect:
        """Return the place of the monitor or region that is watched, px of the screen."""
        known = self._screen.monitors
        whole, *monitors = (_rect(monitor) for monitor in known)
        if self._target.region is not None:
            shared = overlap(self._target.region, whole)
            if shared is None:
                raise UnseenError("nothing of the screen lies there: it is {2}x{3} at {0},{1}".format(*whole))
            return shared
        number = self._target.monitor
        if number is None:
            primary = [_rect(monitor) for monitor in known if monitor.get("is_primary")]
            return (primary or monitors or [whole])[0]
        if number > len(monitors):
            there = ", ".join("{} ({}x{} at {},{})".format(i, *m[2:], *m[:2]) for i, m in enumerate(monitors, 1))
            raise UnseenError(f"there is no monitor {number}; there is: {there or 'none'}")
        return monitors[number - 1]

    def look(self) -> tuple[dict[str, Any], bytearray]:
        """Return the message of this moment and its pixels. Raises UnseenError."""
        try:
            hidden, rect, covers = self._place()
        except self._lost:
            raise UnseenError("the display has gone") from None
        if hidden:
            return {"away": hidden}, bytearray()
        at = time.monotonic()
        try:
            shot = self._screen.grab(dict(zip(("left", "top", "width", "height"), rect, strict=True)))
        except self._mss.ScreenShotError:
            return {"away": "the screen cannot be read at the moment"}, bytearray()
        return {"picture": [shot.width, shot.height], "screen": rect, "at": at, "covers": covers}, shot.raw

    def _place(self) -> tuple[str, Rect, tuple[Rect, ...]]:
        """Return why nothing is to be seen, where to look, and what hides parts of it."""
        if self._windows is None:
            return "", self._area(), ()
        self._windows.refresh()
        if self._windows.size != self._size:
            self._size = self._windows.size
            self._screen.close()  # mss knows the screen as it was when it was opened
            self._screen = self._mss.MSS()
        if self._window is None:
            return self._windows.locked, self._area(), ()
        view = self._windows.view(self._window)
        return self._windows.locked or view.hidden, view.rect, view.covers


def _rect(monitor: Mapping[str, Any]) -> Rect:
    return int(monitor["left"]), int(monitor["top"]), int(monitor["width"]), int(monitor["height"])


def grab(out: BinaryIO, target: Target) -> None:
    """Go on until nobody reads any more. Raises UnseenError once what is watched is gone, and OSError."""
    grabber = Grabber(target)
    before: tuple[dict[str, Any], bytearray] = {}, bytearray()
    due = told = time.monotonic()
    while True:
        message, pixels = grabber.look()
        if {**message, "at": 0} != {**before[0], "at": 0} or pixels != before[1]:
            told = time.monotonic()
            send(out, message, pixels)
            before = message, pixels
        elif time.monotonic() - told >= _ALIVE:
            told = time.monotonic()
            send(out, {"same": True})
        due = max(due + PERIOD, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0.0))


def main() -> None:
    """Grab what the first argument names."""
    out = sys.stdout.buffer
    try:
        grab(out, parse(sys.argv[1]))
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)  # nothing is left to be flushed
    except UnseenError as error:
        send(out, {"gone": str(error)})


if __name__ == "__main__":
    main()
