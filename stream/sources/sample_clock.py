"""When sound was recorded, told by the count of its samples and held to the clock on the wall."""

from __future__ import annotations

import math

SLIP = 0.25
"Sound this much later than the count of its samples says had a hole before it, s."
_SPAN = 10.0
"Sound over which the block that was held up the least is looked for, s."
_STEP = 0.05
"A correction is spread: so much of a second for each second of sound."


class SampleClock:
    """The times of blocks that come from a sound card in a row.

    The count of samples is smooth, but a card's rate is wrong by some 100 ppm, which is 8 s a day. The time of arrival
    does not drift, but a block may be held up on its way, and is never early. So the block of each ten seconds that was
    held up the least says how far the count is off, either way, and the count is moved there a little at a time.

    Args:
        rate: that the card is said to have, Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next: float | None = None
        self._owed = self._heard = 0.0
        self._least = math.inf

    def place(self, samples: int, arrived: float) -> float:
        """Return when the first of so many samples was recorded, s, on the clock of `arrived`, where the last came."""
        length = samples / self._rate
        began = arrived - length
        if self._next is None or began - self._next > SLIP:
            self._next, self._owed, self._heard, self._least = began, 0.0, 0.0, math.inf
        most = _STEP * length
        step = min(max(self._owed, -most), most)
        stamp = self._next + step
        self._next = stamp + length
        self._owed -= step
        if not self._owed:
            self._watch(began - stamp, length)
        return stamp

    def _watch(self, late: float, length: float) -> None:
        self._least = min(self._least, late)
        self._heard += length
        if self._heard >= _SPAN:
            self._owed, self._heard, self._least = self._least, 0.0, math.inf
