"""Windows of an X display: found by title, followed, and what hides them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError
from Xlib.ext import shape
from Xlib.protocol.request import GetGeometry

from .target import Rect, UnseenError, overlap, uncovered

_Window = Any
"One of python-xlib, which has no types."
LOST = (ConnectionClosedError, DisplayError)
"What is raised once the display has gone."
_SEEN = 0.05
"A window of which less can be seen is hidden."
_FRESH = 1.0
"What is known of windows and locks is asked for again after so long, s."


@dataclass(frozen=True, slots=True)
class View:
    """Where a window is, and what of it can be seen."""

    rect: Rect
    "Within the screen; of no size where it lies beside it."
    covers: tuple[Rect, ...] = ()
    "What other windows hide of it, px of the screen."
    hidden: str = ""
    "Why it can't be seen; empty where it can."


class Windows:
    """The windows of the display of the environment. Not thread-safe.

    Raises DisplayError where there is no display.
    """

    def __init__(self) -> None:
        self._display = Display()
        self._root = self._display.screen().root
        # What happens to any window is told, so that little has to be asked for while nothing happens.
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask)
        self._asked = float("-inf")
        self._view: View | None = None
        self._lock = ""
        self._size = (0, 0)
        self.refresh()

    def refresh(self) -> None:
        """Learn what happened since. To be called before the others."""
        count = self._display.pending_events()
        for _ in range(count):
            self._display.next_event()
        if count or time.monotonic() - self._asked >= _FRESH:
            self._asked = time.monotonic()
            self._view = None
            geometry = self._root.get_geometry()
            self._size = geometry.width, geometry.height
            self._lock = self._saver() or self._locker() or _session_lock()

    def titles(self) -> list[tuple[int, str]]:
        """Return the windows that have a title, by id."""
        found = ((window, self._title(window)) for window in self._clients())
        return [(window.id, title) for window, title in found if title]

    def view(self, window_id: int) -> View:
        """Return where a window is. Raises UnseenError where it was closed."""
        if self._view is None:
            try:
                self._view = self._look(self._display.create_resource_object("window", window_id))
            except XError:
                raise UnseenError("the window was closed") from None
        return self._view

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole screen, px."""
        return self._size

    @property
    def locked(self) -> str:
        """What hides the whole screen, a lock or a screen saver; empty where nothing does."""
        return self._lock

    def _clients(self) -> list[_Window]:
        listed = self._root.get_full_property(self._display.intern_atom("_NET_CLIENT_LIST"), Xatom.WINDOW)
        if listed is not None:
            return [self._display.create_resource_object("window", number) for number in listed.value]
        return list(self._root.query_tree().children)  # no window manager

    def _title(self, window: _Window) -> str:
        with suppress(XError):
            for name in ("_NET_WM_NAME", "WM_NAME"):
                value = window.get_full_property(self._display.intern_atom(name), X.AnyPropertyType)
                if value is not None and value.value:
                    raw = value.value
                    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
        return ""

    def _look(self, window: _Window) -> View:
        geometry = window.get_geometry()
        place = self._root.translate_coords(window, 0, 0)
        whole = (place.x, place.y, geometry.width, geometry.height)
        if window.get_attributes().map_state != X.IsViewable:
            return View((*whole[:2], 0, 0), hidden="the window is minimised, or on another desktop")
        rect = overlap(whole, (0, 0, *self._size))
        if rect is None:
            return View((*whole[:2], 0, 0), hidden="the window lies outside the screen")
        covers, above = [], ""
        for other in self._above(window):
            box = self._covering(other)
            if box is not None and (shared := overlap(rect, box)) is not None:
                covers.append(shared)
                above = self._name(other) or above
        if uncovered(rect, covers) < _SEEN:
            return View(rect, tuple(covers), f"the window is covered{f' by {above!r}' if above else ''}")
        return View(rect, tuple(covers))

    def _above(self, window: _Window) -> list[_Window]:
        """Return the windows above a window, the lowest first."""
        top = window
        while (parent := top.query_tree().parent) and parent.id != self._root.id:
            top = parent
        stack = list(self._root.query_tree().children)
        ids = [one.id for one in stack]
        return stack[ids.index(top.id) + 1 :] if top.id in ids else []

    def _covering(self, window: _Window) -> Rect | None:
        """Return the place of a window that hides what is under it; None of one that does not.

        What lets every click through is drawn over others to be seen through, as an overlay is.
        """
        with suppress(XError):
            attributes = window.get_attributes()
            if attributes.map_state != X.IsViewable or attributes.win_class != X.InputOutput:
                return None
            if not window.shape_get_rectangles(shape.SK.Input).rectangles:
                return None
            at = GetGeometry(display=self._display.display, drawable=window)
            border = 2 * at.border_width
            return at.x, at.y, at.width + border, at.height + border
        return None

    def _name(self, window: _Window) -> str:
        """Return the title of a window, or of the one that its frame holds."""
        title = self._title(window)
        with suppress(XError):
            for child in () if title else window.query_tree().children:
                title = title or self._title(child)
        return title

    def _locker(self) -> str:
        """A window above all others, over the whole screen and out of the window manager's hands locks it."""
        whole = (0, 0, *self._size)
        for window in reversed(self._root.query_tree().children):
            rect = self._covering(window)
            if rect is None:
                continue
            with suppress(XError):
                alone = bool(window.get_attributes().override_redirect)
                return "the screen is locked" if alone and uncovered(whole, [rect]) == 0 else ""
        return ""

    def _saver(self) -> str:
        if not self._display.has_extension("MIT-SCREEN-SAVER"):
            return ""
        return "the screen saver is on" if self._root.screensaver_query_info().state == 1 else ""


def _session_lock() -> str:
    """Ask logind, whom GNOME and KDE tell."""
    session = os.environ.get("XDG_SESSION_ID")
    if session is None or shutil.which("loginctl") is None:
        return ""
    command = ["loginctl", "show-session", session, "--property=LockedHint", "--value"]
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False).stdout
        return "the screen is locked" if said.strip() == "yes" else ""
    return ""
