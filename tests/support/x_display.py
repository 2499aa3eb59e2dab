"""A real X display with a window manager, and windows on it: a player of clips, plain ones, and those that lock it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.protocol.request import DestroyWindow

TOOLS = ("Xvfb", "openbox", "ffplay", "xdotool")
Rect = tuple[int, int, int, int]


def available() -> bool:
    """Say whether what is needed is installed."""
    return all(map(shutil.which, TOOLS))


class XDisplay:
    """An Xvfb with openbox; with `compositor` picom draws it, as on a desktop with translucent windows."""

    def __init__(self, width: int = 1280, height: int = 720, *, compositor: bool = False) -> None:
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        self.name = f":{server.stdout.readline().strip()}"
        server.stdout.close()
        self._programs: list[subprocess.Popen[Any]] = [server]
        self.connection = Display(self.name)
        self.root = self.connection.screen().root
        self.run("openbox")
        self.wait(lambda: self._property("_NET_SUPPORTING_WM_CHECK") is not None)
        if compositor:
            self.run("picom", "--backend", "xrender", "--config", os.devnull)
            atom = self.connection.intern_atom("_NET_WM_CM_S0")
            self.wait(lambda: self.connection.get_selection_owner(atom) != X.NONE)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to draw here."""
        kept = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE")}
        return {**kept, "DISPLAY": self.name, "SDL_VIDEODRIVER": "x11", "QT_QPA_PLATFORM": "xcb"}

    def run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program here; it ends with the display."""
        quiet = subprocess.DEVNULL
        program = subprocess.Popen(command, env=self.environment, stdin=quiet, stdout=quiet, stderr=quiet)
        self._programs.append(program)
        return program

    def play(self, clip: Path, title: str, at: tuple[int, int] = (0, 0)) -> subprocess.Popen[bytes]:
        """Show a clip over and over in a window without a frame, and return its player."""
        left, top = (str(value) for value in at)
        player = self.run(
            *("ffplay", "-loglevel", "quiet", "-an", "-loop", "0", "-noborder", "-left", left, "-top", top),
            *("-window_title", title, str(clip)),
        )
        self.find(title)
        return player

    def window(self, rect: Rect, title: str, *, colour: int = 0x404040, managed: bool = True) -> Any:
        """Map a plain window and return it; one that is not `managed` is out of the window manager's hands."""
        depth = self.connection.screen().root_depth
        window = self.root.create_window(*rect, 0, depth, background_pixel=colour, override_redirect=not managed)
        window.set_wm_name(title)
        window.set_wm_normal_hints(flags=0b101, x=rect[0], y=rect[1])
        self.wait(lambda: self._mapped(window))
        return window

    def _mapped(self, window: Any) -> bool:
        window.map()  # again and again: a window manager that has only begun may miss the first
        self.connection.sync()
        return bool(window.get_attributes().map_state == X.IsViewable)

    def close_window(self, window: Any) -> None:
        """Take a window of `window` away."""
        # Not window.destroy(), which would give its id to the next one while the window manager still buries this one.
        DestroyWindow(display=self.connection.display, window=window)
        self.connection.sync()

    def tool(self, *arguments: str) -> str:
        """Run xdotool."""
        command = ["xdotool", *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    def find(self, title: str) -> str:
        """Wait until a window of that title is seen; return its id, for xdotool."""
        command = ["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"]
        found = ""

        def seen() -> bool:
            nonlocal found
            # A window that goes away while it looks is an error of xdotool.
            done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
            found = done.stdout.strip()
            return done.returncode == 0 and bool(found)

        self.wait(seen)
        return found.split()[-1]

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait, at most 30 s."""
        deadline = time.monotonic() + 30
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _property(self, name: str) -> Any:
        return self.root.get_full_property(self.connection.intern_atom(name), X.AnyPropertyType)

    def close(self) -> None:
        """End all that was started here."""
        self.connection.close()
        for program in reversed(self._programs):
            program.terminate()
            program.wait(10)
