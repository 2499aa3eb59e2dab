"""What is believed of one face, from all that was seen of it: long evidence beats a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..faces.quality import Limits

MEMORY = 2.0
"Time constant of the mean of the window scores, s."
POOR = 0.05
"Weight of a frame that is poor evidence, beside 1: enough to answer where there is nothing better."
_RECENT = 1.0
_LONGEST = 0.25


class Smoothing:
    """The score of one face, smoothed over media time, and the reasons to doubt it.

    The score is the mean of the window logits, each weighted by exp(-age / MEMORY), by the time it stood for and by how
    good the frame was. Windows overlap, so their logits are not independent and are averaged, not added: the mean keeps
    the scale that the calibration was made for. Its variance is that of a plain mean over 2 * MEMORY = 4 s (to which
    the window's own length comes), while a face that is swapped in mid-stream shows after half a window and
    MEMORY * ln 2, about 3.5 s.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory
        self._t: float | None = None
        self._sum = self._weight = 0.0
        self._levels: dict[str, float] = {}
        self.rows = 0
        "Frames of good evidence."
        self.seconds = 0.0
        "Time that they cover, s."

    @property
    def logit(self) -> float | None:
        """The smoothed logit; None before the first frame."""
        return self._sum / self._weight if self._weight > 0 else None

    def add(self, t: float, logit: float, reasons: Sequence[str] = ()) -> float:
        """Take the window logit of the frame at media time t, s, and why it is poor evidence; return its weight."""
        passed = 0.0 if self._t is None else t - self._t
        weight = min(max(passed, 1 / 30), _LONGEST) * (POOR if reasons else 1.0)
        decay = math.exp(-passed / self._memory)
        self._sum, self._weight = self._sum * decay + weight * logit, self._weight * decay + weight
        blend = 1.0 if self._t is None else 1 - math.exp(-passed / _RECENT)
        for reason in {*self._levels, *reasons}:
            level = self._levels.get(reason, 0.0)
            self._levels[reason] = level + blend * ((reason in reasons) - level)
        if not reasons:
            self.rows += 1
            self.seconds += min(passed, 1.5)
        self._t = t
        return weight

    def reasons(self, limits: Limits) -> tuple[str, ...]:
        """Return what holds for most of the last second, and whether there is too little evidence."""
        found = [reason for reason, level in self._levels.items() if level > 0.5]
        if not found and (self.seconds < limits.min_seconds - 1e-6 or self.rows < limits.min_rows):
            found.append("too-short")
        return tuple(found)
