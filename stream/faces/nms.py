"""Non-maximum suppression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import Floats


def suppress(boxes: Floats, scores: npt.NDArray[np.floating], overlap: float) -> list[int]:
    """Return the indices of the boxes to keep, best first.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,).
        overlap: greatest intersection over union with a better box.
    """
    if len(scores) < 2:
        return list(range(len(scores)))
    order = list(np.argsort(-scores))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep: list[int] = []
    while order:
        best = int(order.pop(0))
        keep.append(best)
        if not order:
            break
        rest = np.array(order)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = area[best] + area[rest] - shared
        order = list(rest[shared <= overlap * np.maximum(union, 1e-6)])
    return keep
