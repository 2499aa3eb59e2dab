"""A pipe: read without ever being stuck in it, with or without somebody at its other end."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

_TICK = 0.1
"Waiting is interrupted so often to look at the stop event, s."


class Pipe:
    """What PyAV reads in place of a pipe.

    Args:
        file: a named pipe, or the descriptor of an open one, which stays its owner's.
        stop: ends the reading; may be set later.

    Raises OSError where it can't be opened.
    """

    def __init__(self, file: Path | int, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self._named = isinstance(file, Path)
        self._begun = not self._named
        self._file = file if isinstance(file, int) else os.open(file, os.O_RDONLY | os.O_NONBLOCK)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes as soon as there are some; none at the end, or once `stop` is set."""
        while not self.stop.is_set():
            if not select.select([self._file], [], [], _TICK)[0]:
                continue
            try:
                data = os.read(self._file, size)
            except BlockingIOError:
                continue
            if data or self._begun:
                self._begun = True
                return data
            self.stop.wait(_TICK)  # nobody writes yet
        return b""

    def close(self) -> None:
        """Close it, where it was opened here."""
        if self._named:
            os.close(self._file)
