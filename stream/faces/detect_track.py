"""Finding and following the faces of a stream at a bounded cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Face, Floats, Image, Track
from .align import square
from .appearance import looks
from .centerface import Detector
from .shot_boundary import CutFinder
from .tiled_detection import part
from .tracker import Tracker, TrackSettings

_SURE = 0.75
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """When the whole picture is searched."""

    every: float = 0.4
    "Least time between two searches of the whole picture, s of media time."
    lost: float = 0.2
    "The same, when a face was lost from sight, s of media time."
    rest: int = 3
    "Searches are this many pictures apart at least, so that a machine that falls behind does not spend all on them..."
    longest: float = 1.0
    "... but not further apart than this, s of media time."
    small: bool = False
    "Every second search looks at a part of the picture in its own size, the parts in turn, for faces too small else."
    probe: float = 0.3
    "How long a face that is not seen any more is looked for in every picture, s."


class Follower:
    """Finds the faces of one source and gives them ids. Not thread-safe.

    The whole picture is searched a few times a second; in between, the detector looks only at a small patch around each
    known face. What the search finds is confirmed in a patch too, so that the points that cut a crop always come from
    one scale, and a false find has to deceive the detector at two.
    """

    def __init__(
        self, detector: Detector, settings: FollowSettings | None = None, tracks: TrackSettings | None = None
    ) -> None:
        self.settings = settings or FollowSettings()
        self._detector = detector
        self._tracker = Tracker(tracks)
        self._cuts = CutFinder()
        self._searched = float("-inf")
        self._pictures = 0
        self._searches = 0

    def reset(self) -> None:
        """Forget every face; the next picture is searched whole."""
        self._tracker.reset()
        self._searched = float("-inf")

    def update(self, image: Image, t: float) -> list[Track]:
        """Return the tracks seen in the HxWx3 BGR picture at media time t, s; t grows from call to call."""
        if self._cuts.cut(image, t):
            self.reset()
        self._pictures += 1
        known = self._tracker.squares(t, self.settings.probe)
        faces = None if self._due(t, len(known)) else self._detector.locate(image, known)
        if faces is None or (len(faces) < len(known) and t - self._searched >= self.settings.lost):
            faces = self._search(image, t)
        return self._tracker.update(faces, t, looks(image, faces))

    def _due(self, t: float, known: int) -> bool:
        passed = t - self._searched
        if passed < self.settings.every:
            return False
        return not known or self._pictures >= self.settings.rest or passed >= self.settings.longest

    def _search(self, image: Image, t: float) -> list[Face]:
        self._searched, self._pictures = t, 0
        self._searches += 1
        found = self._detect(image)
        squares = np.array([square(face.points) for face in found], np.float32).reshape(-1, 3)
        known = self._tracker.squares(t)
        apart = [row for row in known if not _near(row, squares)]
        faces = self._detector.locate(image, np.concatenate([squares, np.array(apart, np.float32).reshape(-1, 3)]))
        placed = np.array([square(face.points) for face in faces], np.float32).reshape(-1, 3)
        missed = [f for f, row in zip(found, squares, strict=True) if f.score >= _SURE and not _near(row, placed)]
        return [*faces, *missed]

    def _detect(self, image: Image) -> list[Face]:
        number, whole = divmod(self._searches, 2)
        if whole or not self.settings.small:
            return self._detector.detect(image)
        return part(self._detector, image, number)


def _near(one: Floats, others: Floats) -> bool:
    """Tell whether one square's centre lies in the inner half of another."""
    if not len(others):
        return False
    distance = np.hypot(others[:, 0] - one[0], others[:, 1] - one[1])
    return bool((distance <= _OVERLAP * np.minimum(others[:, 2], one[2])).any())
