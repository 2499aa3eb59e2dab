"""How a face moves beside the head that carries it: what frame by frame manipulation breaks.

A generator that works frame by frame places, lights and renders each face anew. Against the hair, the ears and the neck
around it such a face trembles and flickers, or its colours are calmer than a camera's, though each frame may look
right. In three frames in a row everything is measured region by region, so that a model can compare the regions with
one another: camera, codec and the movement of the head then cancel out as far as they can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ..types import Floats, Image
from .align import crop

Indices = npt.NDArray[np.intp]

REGIONS = ("lips", "mouth", "chin", "cheeks", "middle", "nose", "eyes", "brow", "rim", "ring")
"Of an upright face, from the mouth outward; the rim is the border of the face, the ring hair, ears and neck around it."
MAPS = ("unexplained", "unexplained-red", "unexplained-blue", "uneven")
"""Means over a region: what motion does not explain of the change of brightness and of the colour differences between
two frames, and how uneven the motion is."""
WHOLE = ("tremble", "flicker")
"""Of a region as a whole: the change of its motion less that of the ring (of the ring: its own), and of its colour less
that of the ring (likewise)."""
NAMES = tuple(f"{measure} {region}" for measure in (*MAPS, *WHOLE) for region in REGIONS)
"Of the measures, natural logarithms all, in their order."
MEASURES = len(NAMES)
COLUMNS = MEASURES + 1
"The measures, and 1 where they were taken, else a row of zeros."
EVERY = 0.11
"Least time between two measurements of one face, s of media time: twice as many say little more."
_APART = (0.02, 0.11)
"Frames closer than this show no motion, further apart no trembling, s."
_SIDE = 160
_SCALE = 1.2
_FLOOR = 0.05
"Added before the logarithm: grey levels, px."
_NOTHING = np.zeros((_SIDE, _SIDE, 3), np.float32)


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
        """Return the last three, HxWx3, oldest first; None if the newest is not of time t, s, or they lie far apart."""
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
    frames = [cv2.cvtColor(crop(image, points, _SIDE, _SCALE), cv2.COLOR_BGR2YCrCb) for image in images]
    gray, floats = [frame[..., 0] for frame in frames], [frame.astype(np.float32) for frame in frames]
    flows = [np.asarray(_flow().calc(a, b, None), np.float32) for a, b in pairwise(gray)]  # type: ignore[call-overload]
    first, second = (_unexplained(a, b, flow) for (a, b), flow in zip(pairwise(floats), flows, strict=True))
    left = cv2.add(cv2.absdiff(first, _NOTHING), cv2.absdiff(second, _NOTHING))
    uneven = cv2.add(_uneven(flows[0]), _uneven(flows[1]))
    sheet = np.asarray(cv2.merge([left, uneven, *flows, first, second]), np.float32).reshape(_SIDE * _SIDE, -1)
    mean = _means(sheet)
    maps, before, after = mean[:, :4] / 2, mean[:, 4:6], mean[:, 6:8]
    tremble = np.linalg.norm(_beside_ring(after - before), axis=1)
    flicker = np.abs(_beside_ring(mean[:, 8:11] + mean[:, 11:14]) / 2).mean(1)
    rows = np.log(np.vstack([maps.T, tremble, flicker]) + _FLOOR)
    return np.append(rows.ravel(), 1.0).astype(np.float32)


def _unexplained(old: Floats, new: Floats, flow: Floats) -> Floats:
    """(S, S, 3): what is left of the change of brightness and colour once the new frame is moved back."""
    place = _grid() + flow
    back = cv2.remap(new, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(back - old, np.float32)


def _uneven(flow: Floats) -> Floats:
    """(S, S): how much the motion differs from that of the pixels below and to the right."""
    down, right = cv2.absdiff(flow[1:, :-1], flow[:-1, :-1]), cv2.absdiff(flow[:-1, 1:], flow[:-1, :-1])
    both = cv2.transform(cv2.add(down, right), np.ones((1, 2), np.float32))
    return np.asarray(cv2.copyMakeBorder(both, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=0.0), np.float32)


def _beside_ring(values: Floats) -> Floats:
    """(regions, n): less those of the ring, which keeps its own."""
    out = values - values[-1]
    out[-1] = values[-1]
    return np.asarray(out, np.float32)


@cache
def _flow() -> cv2.DISOpticalFlow:
    """Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


@cache
def _grid() -> Floats:
    return np.stack(np.meshgrid(np.arange(_SIDE), np.arange(_SIDE)), -1).astype(np.float32)


def _means(sheet: Floats) -> Floats:
    """(pixels, n) to the means over each region, (regions, n).

    No product of matrices: the threads of a BLAS would spin for longer than this takes.
    """
    pixels, starts, counts = _regions()
    return np.asarray(np.add.reduceat(np.take(sheet, pixels, axis=0), starts) / counts[:, None], np.float32)


@cache
def _regions() -> tuple[Indices, Indices, Indices]:
    """Return the pixels of one region after the other, where each begins, and how many it has.

    The regions are ellipses over the mean outline of a face.
    """
    place = (_grid() - _SIDE / 2) * (_SCALE / _SIDE) + 0.5
    down = place[..., 1]

    def inside(x: float, y: float, width: float, height: float) -> npt.NDArray[np.bool_]:
        return np.asarray(((place[..., 0] - x) / width) ** 2 + ((down - y) / height) ** 2 < 1)

    skin = inside(0.5, 0.52, 0.31, 0.37)
    lips, nose = inside(0.5, 0.745, 0.13, 0.06), inside(0.5, 0.5, 0.07, 0.1)
    mouth = inside(0.5, 0.745, 0.2, 0.11)
    eyes = inside(0.342, 0.372, 0.1, 0.055) | inside(0.658, 0.372, 0.1, 0.055)
    masks = (
        lips,
        mouth & ~lips & skin,
        inside(0.5, 0.55, 0.28, 0.37) & ~mouth & (down > 0.79),
        skin & ~mouth & (down > 0.6) & (down <= 0.79),
        skin & ~nose & ~eyes & (down > 0.43) & (down <= 0.6),
        nose,
        eyes,
        skin & ~eyes & (down <= 0.33),
        inside(0.5, 0.52, 0.35, 0.405) & ~inside(0.5, 0.52, 0.3, 0.36),
        inside(0.5, 0.52, 0.45, 0.51) & ~inside(0.5, 0.52, 0.376, 0.433),
    )
    pixels = [np.flatnonzero(mask) for mask in masks]
    counts = np.array([len(part) for part in pixels])
    return np.concatenate(pixels), np.cumsum(counts) - counts, counts
