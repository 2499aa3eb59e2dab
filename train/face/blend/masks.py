"""Where a pseudo-fake is blended in."""

from __future__ import annotations

import cv2
import numpy as np

from ....stream.types import Floats
from ...data import landmarks as parts

REGIONS = ("face", "brows-down", "inner", "lower", "mouth", "eyes")
_SHARES = (0.27, 0.27, 0.12, 0.14, 0.15, 0.05)


def pick(rng: np.random.Generator) -> str:
    """Draw one of REGIONS."""
    return str(rng.choice(REGIONS, p=_SHARES))


def hull(points: Floats, region: str, size: int, rng: np.random.Generator) -> Floats:
    """Fill the region of a face.

    Args:
        points: (468, 2), px.
        region: one of REGIONS.
        size: side of the mask, px.
        rng: for the random margin.

    Returns:
        (size, size), 0 or 1.
    """
    chosen = {
        "face": parts.OVAL,
        "brows-down": (*parts.JAW, *parts.BROWS),
        "inner": (*parts.BROWS, *parts.LIPS, *parts.NOSE, *parts.LEFT_EYE, *parts.RIGHT_EYE),
        "lower": (*parts.JAW[1:-1], 2, 98, 327, 205, 425),
        "mouth": parts.LIPS,
        "eyes": (*parts.LEFT_EYE, *parts.RIGHT_EYE, *parts.BROWS),
    }[region]
    outline = points[list(chosen)]
    centre = outline.mean(0)
    low, high = {"mouth": (1.15, 2.0), "eyes": (1.0, 1.25), "inner": (1.0, 1.3)}.get(region, (0.9, 1.08))
    grown = centre + (outline - centre) * rng.uniform(low, high, 2)
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(grown.astype(np.float32)).astype(np.int32), 1.0)
    return mask


def soften(mask: Floats, rng: np.random.Generator) -> Floats:
    """Deform the outline of a mask (S, S), 0..1, then feather it by a random width; the inside stays 1."""
    size = mask.shape[0]
    shift = smooth_field(size, rng, amount=rng.uniform(0.0, 0.03) * size)
    out = cv2.remap(mask, *as_maps(shift), cv2.INTER_LINEAR)
    width = rng.choice([0.0, 0.015, 0.03, 0.06, 0.1]) * size * rng.uniform(0.7, 1.3)
    # No wider than half of what there is: a mouth that feathers to nothing would be a genuine face called fake.
    width = min(width, 0.5 * float(cv2.distanceTransform((out > 0.5).astype(np.uint8), cv2.DIST_L2, 3).max()))
    if width >= 1:
        kernel = int(width) * 2 + 1
        # Erode first, so that the feather lies inside the outline and fakes do not differ by their extent alone.
        if rng.random() < 0.7:
            out = cv2.erode(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel // 2 * 2 + 1,) * 2))
        out = cv2.GaussianBlur(out, (kernel, kernel), 0)
        out = cv2.GaussianBlur(out, (kernel, kernel), 0)
    return np.asarray(out, np.float32)


def smooth_field(size: int, rng: np.random.Generator, amount: float, cells: int = 5) -> Floats:
    """Return a smooth random displacement, (size, size, 2), px, of about the given amplitude."""
    coarse = rng.normal(0, 1, (cells, cells, 2)).astype(np.float32) * amount
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def as_maps(field: Floats) -> tuple[Floats, Floats]:
    """Turn a displacement (H, W, 2) into the two maps cv2.remap takes: out(p) = in(p + field(p))."""
    height, width = field.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x + field[..., 0], y + field[..., 1]
