"""A screen (x11grab), through a process of its own.

The wheels of PyAV and of OpenCV carry libraries of X under the same names. Whichever is loaded first serves both, and
with OpenCV's FFmpeg's screen grabber dies of a segmentation fault; with PyAV's, OpenCV's windows wait for ever.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import av

from ..errors import SourceError, SourceNotFoundError
from .base import Item, SourceOptions
from .container import Session
from .pipe import Pipe
from .reconnect import LiveSource
from .timestamps import Timeline

_GRABBER = Path(__file__).with_name("x11grab_child.py")
_END = 5.0
"The grabber ends within this once nobody reads its pictures, s."


class X11GrabSource(LiveSource):
    """What an X display shows.

    Args:
        name: what to call it.
        display: what x11grab opens, as `:0.0+100,200`.
        options: how it is watched.
    """

    def __init__(self, name: str, display: str, options: SourceOptions) -> None:
        super().__init__(name, options)
        self._display = display

    def _connect(self, timeline: Timeline, number: int) -> _X11GrabConnection:
        # -P: what lies beside the program is not to be taken for modules of Python.
        command = [sys.executable, "-P", str(_GRABBER), self._display]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            return _X11GrabConnection(self, child, timeline, number)
        except (av.error.FFmpegError, OSError, ValueError):
            _, told = child.communicate(timeout=_END)
            why = told.decode(errors="replace").strip().splitlines()[-1:] or ["it ended"]
            raise SourceNotFoundError(f"{self.name}: the screen cannot be opened: {why[0].lower()}") from None

    def session(self, pipe: Pipe, timeline: Timeline, number: int) -> Session:
        """Return a session that reads the grabber."""
        container = av.open(pipe, "r", format="nut")
        return Session(container, timeline, self.tally, number=number, audio=False, stall=self._options.stall)


class _X11GrabConnection:
    """A grabber at work."""

    def __init__(self, source: X11GrabSource, child: subprocess.Popen[bytes], timeline: Timeline, number: int) -> None:
        assert child.stdout is not None
        self._child = child
        self._pipe = Pipe(child.stdout.fileno())
        self._session = source.session(self._pipe, timeline, number)
        self._name = source.name

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Connection.items`."""
        self._pipe.stop = stop
        try:
            yield from self._session.items(stop)
        except SourceError:
            raise
        except (av.error.FFmpegError, OSError, ValueError):
            raise SourceError(f"{self._name}: the screen can no longer be read") from None

    def close(self) -> None:
        """End the grabber."""
        self._child.kill()
        self._child.communicate()
