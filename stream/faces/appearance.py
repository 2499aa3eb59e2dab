"""A few numbers that tell one person's face in one scene from another's: for following, not for recognition."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..types import Face, Floats, Image
from .align import crop

_SIZE = 12


def looks(image: Image, faces: Sequence[Face]) -> Floats:
    """Return (n, k): a unit vector a face; its product with another is the correlation of the two coarse pictures."""
    rows = np.empty((len(faces), _SIZE * _SIZE * 3), np.float32)
    for i, face in enumerate(faces):
        small = cv2.resize(crop(image, face.points, 2 * _SIZE, 1.1), (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
        row = small.astype(np.float32).ravel()
        row -= row.mean()
        rows[i] = row / max(float(np.linalg.norm(row)), 1e-6)
    return rows
