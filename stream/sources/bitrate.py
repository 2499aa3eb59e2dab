"""The bitrate of compressed video."""

from __future__ import annotations

from collections import deque


class BitrateMeter:
    """The bitrate of the compressed video over a sliding window of media time."""

    def __init__(self, seconds: float = 4.0) -> None:
        self._seconds = seconds
        self._packets: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def add(self, seconds: float | None, size: int) -> None:
        """Count a packet of `size` bytes stamped `seconds`; a stamp that goes back starts anew."""
        if seconds is None:
            return
        if self._packets and not 0 <= seconds - self._packets[-1][0] < self._seconds:
            self.reset()
        self._packets.append((seconds, size))
        self._bytes += size
        while self._packets[0][0] < seconds - self._seconds:
            self._bytes -= self._packets.popleft()[1]

    def reset(self) -> None:
        """Forget everything."""
        self._packets.clear()
        self._bytes = 0

    @property
    def kbps(self) -> float | None:
        """In kbit/s, or None before half a second was seen."""
        if not self._packets or (span := self._packets[-1][0] - self._packets[0][0]) < 0.5:
            return None
        return (self._bytes - self._packets[-1][1]) * 8 / span / 1000
