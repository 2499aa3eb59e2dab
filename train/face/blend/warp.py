"""Geometry of pseudo-fakes: donors laid over a face, expressions pushed about."""

from __future__ import annotations

import cv2
import numpy as np

from ....stream.types import Floats, Image
from ...data import landmarks as parts
from .masks import as_maps, smooth_field

ANCHORS = sorted({*parts.OVAL, *parts.LIPS, *parts.LEFT_EYE, *parts.RIGHT_EYE, *parts.BROWS, *parts.NOSE})
_CELLS = 28


def field(goal: Floats, origin: Floats, size: int, spread: float) -> Floats:
    """Interpolate a displacement that takes goal points to origin points.

    Args:
        goal: (n, 2), where the points shall lie, px.
        origin: (n, 2), where they come from, px.
        size: side of the picture, px.
        spread: width of the Gaussian weights, px.

    Returns:
        (size, size, 2) so that out(p) = in(p + field(p)).
    """
    axis = (np.arange(_CELLS, dtype=np.float32) + 0.5) * size / _CELLS
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    square = ((grid[:, None] - goal[None]) ** 2).sum(-1)
    # The nearest anchor always counts, so that the far field follows the outline instead of falling to 0 / 0.
    weight = np.exp(-(square - square.min(1, keepdims=True)) / (2 * spread**2))
    moved = (weight @ (origin - goal)) / weight.sum(1, keepdims=True)
    coarse = moved.reshape(_CELLS, _CELLS, 2).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


_STILL = sorted({*parts.LEFT_EYE, *parts.RIGHT_EYE, *parts.BROWS, *parts.NOSE[:8], *parts.OVAL[-9:], *parts.OVAL[:10]})
"Points that an expression of the mouth hardly moves."


def pose(mesh: Floats, to: Floats) -> Floats:
    """Move landmarks (468, 2) by the affine map that brings their upper face to where another's (468, 2) is, px."""
    return np.asarray(_with_ones(mesh) @ _affine(mesh[_STILL], to[_STILL]), np.float32)


def _affine(origin: Floats, goal: Floats) -> Floats:
    """(3, 2): takes points (n, 2) with a 1 behind each to where the goals (n, 2) lie, as well as an affine map can."""
    return np.asarray(np.linalg.lstsq(_with_ones(origin), goal, rcond=None)[0])


def _with_ones(points: Floats) -> Floats:
    return np.hstack([points, np.ones((len(points), 1), np.float32)])


def onto(donor: Image, donor_mesh: Floats, target_mesh: Floats, size: int) -> Image:
    """Lay a donor's face over a target's: affine first, then what the landmarks still ask for.

    HxWx3 BGR and meshes (468, 2), px, to (size, size, 3).
    """
    solution = _affine(donor_mesh, target_mesh)
    rough = cv2.warpAffine(donor, solution.T.astype(np.float32), (size, size), borderMode=cv2.BORDER_REFLECT)
    now = (_with_ones(donor_mesh) @ solution)[ANCHORS]
    shift = field(target_mesh[ANCHORS], now.astype(np.float32), size, spread=size * 0.03)
    return np.asarray(cv2.remap(rough, *as_maps(shift), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def express(image: Image, mesh: Floats, rng: np.random.Generator, *, reshape: bool = False) -> Image:
    """Move the mouth and the jaw (and at times the eyes) as reenactment does.

    Args:
        image: (S, S, 3) BGR.
        mesh: (468, 2), px.
        rng: the only source of chance.
        reshape: also make the whole face wider, narrower, longer or shorter, and shift it.
    """
    size = image.shape[0]
    goal = mesh[ANCHORS].copy()
    index = {point: i for i, point in enumerate(ANCHORS)}
    lips = [index[p] for p in parts.LIPS]
    jaw = [index[p] for p in parts.JAW[4:-4] if p in index]
    centre = goal[lips].mean(0)
    stretch = np.array([rng.uniform(0.85, 1.18), rng.uniform(0.65, 1.6)])
    shift = rng.normal(0, 0.012, 2) * size
    goal[lips] = centre + (goal[lips] - centre) * stretch + shift
    goal[jaw] += np.array([0, rng.uniform(-0.02, 0.04) * size]) + shift / 2
    if rng.random() < 0.3:
        for eye in (parts.LEFT_EYE, parts.RIGHT_EYE):
            ids = [index[p] for p in eye]
            middle = goal[ids].mean(0)
            goal[ids] = middle + (goal[ids] - middle) * np.array([1.0, rng.uniform(0.6, 1.2)])
    if reshape:
        middle = goal.mean(0)
        goal = middle + (goal - middle) * np.exp(rng.normal(0, 0.06, 2)) + rng.normal(0, 0.012, 2) * size
    moved = field(goal.astype(np.float32), mesh[ANCHORS], size, spread=size * 0.04)
    return np.asarray(cv2.remap(image, *as_maps(moved), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def nudge(image: Image, rng: np.random.Generator) -> Image:
    """Shift, scale and bend (S, S, 3) a little, as a self-blended source is."""
    size = image.shape[0]
    scale = rng.uniform(0.95, 1.05)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 1.0), scale)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * np.array([0.03, 0.015]) * size
    moved = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    bend = smooth_field(size, rng, amount=rng.uniform(0.0, 0.012) * size, cells=6)
    return np.asarray(cv2.remap(moved, *as_maps(bend), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)
