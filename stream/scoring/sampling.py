"""Which frames are scored: an even number a second of media time, whatever the frame rate."""

from __future__ import annotations


class Schedule:
    """Lets through the first frame at or after each tick of a clock at `rate` Hz; a slower stream passes whole."""

    def __init__(self, rate: float) -> None:
        """Start the clock at the first frame. rate: Hz of media time, greater than 0."""
        self._period = 1 / rate
        self._due = float("-inf")

    def reset(self) -> None:
        """Start the clock anew at the next frame."""
        self._due = float("-inf")

    def due(self, t: float) -> bool:
        """Tell whether the frame at media time t, s, is to be scored; t grows from call to call."""
        if t < self._due - 1e-6:
            return False
        # The clock keeps its phase, so 30 fps gives 16 a second, not 15; after a hole it doesn't catch up.
        self._due = (self._due if t < self._due + self._period else t) + self._period
        return True
