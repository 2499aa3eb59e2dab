"""Which pictures of a long film are looked at: a short run of every one so often, more where it looks suspicious.

A run holds pictures as close together as they come, so that what needs the motion between them is measured as always.
Nothing longer than the pause between two runs can be passed over, and each new shot begins with a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from ..calibration import log_odds, sigmoid
from ..faces.shot_boundary import CutFinder
from ..scoring.aggregate import SPAN
from ..types import Image, Verdict

SHORT = 15.0
"A film up to this long is looked at in full, s."
EVERY = 2.0
"From the beginning of a run to that of the next one, s. The pause is no longer than a window of faces may have a hole."
RUN = 0.6
"Length of a run, s."
_GLANCE = 0.1
"The pictures between runs are compared in small so often, to find cuts, s."
_NEAR = 1.0
"Log-odds below the threshold of `fake` from which a face is suspicious."


class Skim:
    """Chooses the pictures of one film. Not thread-safe.

    Args:
        fake_at: least probability that is called fake.
        every_frame: look at all of them.
    """

    def __init__(self, fake_at: float, *, every_frame: bool = False) -> None:
        self._suspicious = sigmoid(log_odds(fake_at) - _NEAR)
        self._all = every_frame
        self.length: float | None = None
        "Of the film, where it is known, s."
        self.frames = 0
        "Pictures that there are."
        self.seen = 0
        "Those of them that are looked at."
        self.end = 0.0
        "Media time at which the latest picture ends, s; how long it stands is not told, so as long as the one before."
        self._t: float | None = None
        self._run = self._dense = self._glanced = float("-inf")
        self._more = 0.0
        "Time that was looked at beyond the runs, s."
        self._cuts = CutFinder()
        self._cut = False

    @property
    def skims(self) -> bool:
        """Whether it is known from the start that pictures will be left out."""
        return not self._all and self.length is not None and self.length > SHORT

    def told(self) -> dict[str, float] | None:
        """Return `Report.sampled`."""
        if self.seen == self.frames:
            return None
        return {"frames": self.frames, "looked_at": self.seen, "run": RUN, "every": EVERY}

    def wants(self, t: float, glance: Callable[[], Image]) -> bool:
        """Tell whether to look at the picture at media time t, s, of which `glance` returns a small copy, HxWx3."""
        passed = min(t - self._t, 1.0) if self._t is not None else 0.0
        self._t, self.end, self.frames = t, t + passed, self.frames + 1
        wanted = self._whole(t) or self._chosen(t, passed, glance)
        self.seen += wanted
        return wanted

    def _whole(self, t: float) -> bool:
        return self._all or (t if self.length is None else self.length) <= SHORT

    def _chosen(self, t: float, passed: float, glance: Callable[[], Image]) -> bool:
        if t - self._glanced >= _GLANCE:
            self._glanced = t
            self._cut |= self._cuts.cut(glance(), t)
        if self._cut or not 0 <= t - self._run < EVERY:
            self._run = t
        if t - self._run < RUN:
            return True
        if t > self._dense or self._more > max(SPAN, (t if self.length is None else self.length) / 10):
            return False
        self._more += passed
        return True

    def cut(self) -> bool:
        """Tell whether there was a cut since this was last asked."""
        cut, self._cut = self._cut, False
        return cut

    def saw(self, verdict: Verdict | None) -> None:
        """Take what was thought of the picture: after a suspicious one no pause is made, up to what decides a file."""
        if verdict is not None and any((face.fake or 0.0) >= self._suspicious for face in verdict.faces):
            self._dense = verdict.t + EVERY
