"""How far a long work is and how long it still takes, on stderr."""

from __future__ import annotations

import sys
import time

_LIVE_S, _PLAIN_S = 0.5, 60.0


class Progress:
    """On a terminal one line that is written over; elsewhere, as in a log, a line a minute."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        """Begin; done: how much an earlier run did already."""
        self._what, self._total, self._first = what, total, done
        self._began = self._told = time.monotonic()
        self._live = sys.stderr.isatty()

    def tell(self, done: int, **numbers: float) -> None:
        """Say that so much is done, with numbers such as a loss; rarely enough not to matter."""
        now = time.monotonic()
        if now - self._told < (_LIVE_S if self._live else _PLAIN_S):
            return
        self._told = now
        said = "".join(f"  {name} {value:.4g}" for name, value in numbers.items())
        still = left(now - self._began, done - self._first, self._total - self._first)
        line = f"{self._what}: {done} of {self._total}{said}  {still}"
        sys.stderr.write(f"\r\x1b[K{line}" if self._live else f"{line}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Make room for another line."""
        if self._live:
            sys.stderr.write("\r\x1b[K")


def left(spent: float, done: int, total: int) -> str:
    """Return what is left of a work of which so much was done in so many seconds, as `1 h 20 min left`."""
    if done <= 0:
        return ""
    minutes = spent / done * max(total - done, 0) / 60
    if minutes < 1:
        return f"{minutes * 60:.0f} s left"
    return f"{minutes:.0f} min left" if minutes < 60 else f"{minutes // 60:.0f} h {minutes % 60:.0f} min left"
