"""Cuts of an edited video: after one, a face in the same place is another face."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Floats, Image

ALIKE = 0.7
"Correlation of two successive pictures below which there was a cut. Within shots 0.83 and more, between 0.52 and less."
CHANGE = 20.0
"Mean difference of their cells at least, 0..255. On a plain wall one person who goes changes only the correlation."
_GAP = 0.5
_CELLS = 8


class CutFinder:
    """Compares each picture with the one before, at 8x8 px. Not thread-safe."""

    def __init__(self) -> None:
        self._before: Floats | None = None
        self._t = float("-inf")

    def cut(self, image: Image, t: float) -> bool:
        """Tell whether the HxWx3 picture at media time t, s, is of another shot than the one before.

        After a hole in time nothing is told: a camera that is turned shows another scene as well.
        """
        cells = cv2.resize(image, (_CELLS * 8, _CELLS * 8), interpolation=cv2.INTER_LINEAR)
        cells = cv2.resize(cells, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        now = np.asarray(cells, np.float32).ravel()
        before, passed = self._before, t - self._t
        self._before, self._t = now, t
        if before is None or passed > _GAP or float(np.abs(now - before).mean()) < CHANGE:
            return False
        return _correlation(now, before) < ALIKE


def _correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6))
