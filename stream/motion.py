"""How a face moves beside the head that carries it: what frame by frame manipulation breaks.

A generator that works frame by frame places, lights and renders each face anew. Against the hair, the ears and the neck
around it such a face trembles and flickers, though each frame may look right. All figures compare the face with the
ring around it in the same frames, so that camera, codec and the movement of the head cancel out as far as they can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from .faces.align import crop
from .values import Floats, Image

MEASURES = 5
"""Numbers of one face at one moment, natural logarithms all: how the skin trembles beside the ring (acceleration of the
one less the other, over that of the ring); how the border of the face does; how its colour flickers beside the ring's;
what motion does not explain of the change of the skin, beside its texture, over the same of the ring; how uneven the
motion of the skin is, over that of the ring."""
COLUMNS = MEASURES + 1
"The measures, and 1 where they were taken, else a row of zeros."
EVERY = 0.11
"Least time between two measurements of one face, s of media time: twice as many say little more."
_APART = (0.02, 0.11)
"Frames closer than this show no motion, further apart no trembling, s."
_SIDE = 160
_SCALE = 1.2

Mask = npt.NDArray[np.bool_]


class Recent:
    """The last three frames of one source."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, Image]] = deque(maxlen=3)

    def push(self, t: float, image: Image) -> None:
        """Take the HxWx3 BGR picture of media time t, s."""
        if self._frames and self._frames[-1][1].shape != image.shape:
            self._frames.clear()
        if not self._frames or t - self._frames[-1][0] >= _APART[0]:
            self._frames.append((t, image))

    def clear(self) -> None:
        """Forget them: what comes next is another scene."""
        self._frames.clear()

    def images(self, t: float) -> list[Image] | None:
        """Return the last three, oldest first; None where the newest is not of time t, s, or they lie far apart."""
        times = [at for at, _ in self._frames]
        if len(times) < 3 or times[-1] != t or max(np.diff(times)) > _APART[1]:
            return None
        return [image for _, image in self._frames]


def absent(count: int) -> Floats:
    """Return (count, COLUMNS) of faces of which nothing was measured."""
    return np.zeros((count, COLUMNS), np.float32)


def measure(images: Sequence[Image], points: Floats) -> Floats:
    """Measure one face.

    Args:
        images: three HxWx3 BGR, oldest first.
        points: (5, 2), of the face in the last one, px.

    Returns:
        (COLUMNS,), see there.
    """
    crops = [crop(image, points, _SIDE, _SCALE) for image in images]
    pairs = [_compare(crops[0], crops[1]), _compare(crops[1], crops[2])]
    skin, rim, ring = np.stack([moved for moved, _ in pairs], 1)
    tremble = np.linalg.norm([b - a for a, b in (skin - ring, rim - ring, ring)], axis=1) + 0.02
    rest = np.mean([row for _, row in pairs], 0)
    return np.array([np.log(tremble[0] / tremble[2]), np.log(tremble[1]), *rest, 1.0], np.float32)


def _compare(old: Image, new: Image) -> tuple[Floats, Floats]:
    """Return the motion of skin, rim and ring (3, 2), px of the crop, and the three measures of one pair of frames."""
    gray, after = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (old, new))
    flow = np.asarray(_flow().calc(gray, after, None), np.float32)  # type: ignore[call-overload]
    place = _grid() + flow
    back = cv2.remap(new, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = back.astype(np.float32) - old
    left = np.abs(change).mean(2)
    uneven = np.abs(np.diff(flow, axis=0)[:, :-1]).sum(2) + np.abs(np.diff(flow, axis=1)[:-1]).sum(2)
    grain = np.abs(gray.astype(np.float32) - cv2.GaussianBlur(gray, (0, 0), 1.2))
    skin, rim, ring = _regions()
    flicker = np.log(np.abs(change[skin].mean(0) - change[ring].mean(0)).mean() + 0.02)
    unexplained = [np.log((left[part].mean() + 0.1) / (grain[part].mean() + 0.1)) for part in (skin, ring)]
    rough = [np.log(uneven[part[:-1, :-1]].mean() + 0.01) for part in (skin, ring)]
    moved = np.stack([flow[part].mean(0) for part in (skin, rim, ring)])
    return moved, np.array([flicker, unexplained[0] - unexplained[1], rough[0] - rough[1]], np.float32)


@cache
def _flow() -> cv2.DISOpticalFlow:
    """Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


@cache
def _grid() -> Floats:
    return np.stack(np.meshgrid(np.arange(_SIDE), np.arange(_SIDE)), -1).astype(np.float32)


@cache
def _regions() -> tuple[Mask, Mask, Mask]:
    """Return skin, rim and ring in the crop: ellipses over the mean outline of upright faces; the mouth is left out."""
    place = (_grid() - _SIDE / 2) * (_SCALE / _SIDE) + 0.5

    def inside(x: float, y: float, width: float, height: float) -> Mask:
        return np.asarray(((place[..., 0] - x) / width) ** 2 + ((place[..., 1] - y) / height) ** 2 < 1)

    skin = inside(0.5, 0.52, 0.31, 0.37) & ~inside(0.5, 0.73, 0.19, 0.1)
    rim = inside(0.5, 0.52, 0.35, 0.405) & ~inside(0.5, 0.52, 0.3, 0.36)
    ring = inside(0.5, 0.52, 0.45, 0.51) & ~inside(0.5, 0.52, 0.376, 0.433)
    return skin, rim, ring
