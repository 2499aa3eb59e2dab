"""What goes wrong where a face is rendered by graphics: texture that is stretched, badly lit or stained."""

from __future__ import annotations

import cv2
import numpy as np

from ....stream.types import Floats, Image
from ...data import landmarks as parts
from .masks import smooth_field

_FEATURES = (parts.LEFT_EYE, parts.RIGHT_EYE, parts.BROWS, parts.NOSE, parts.LIPS)


def stretch(image: Image, mesh: Floats, rng: np.random.Generator) -> Image:
    """Pull or squeeze one to three features, as a texture that was sampled beside its place is.

    Args:
        image: (S, S, 3) BGR.
        mesh: (468, 2), px.
        rng: the only source of chance.
    """
    size = image.shape[0]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    move_x, move_y = np.zeros_like(x), np.zeros_like(y)
    for number in rng.choice(len(_FEATURES), int(rng.integers(1, 4)), replace=False):
        points = mesh[list(_FEATURES[number])]
        centre = points.mean(0) + rng.normal(0, 0.02, 2) * size
        radius = np.maximum(np.ptp(points, axis=0), 0.06 * size) * rng.uniform(0.5, 0.9, 2)
        weight = np.exp(-0.5 * (((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2))
        # Below 1 the texture is pulled until it smears, above 1 squeezed: an open eye looks shut.
        factor = np.exp(rng.normal(0, (0.25, 0.55)))
        shift = rng.normal(0, 0.015, 2) * size
        move_x += weight * ((factor[0] - 1) * (x - centre[0]) + shift[0])
        move_y += weight * ((factor[1] - 1) * (y - centre[1]) + shift[1])
    out = cv2.remap(image, x + move_x, y + move_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out, np.uint8)


def shade(image: Image, rng: np.random.Generator) -> Image:
    """Light a face (S, S, 3) otherwise than the scene: a smooth gain, a little coloured."""
    size = image.shape[0]
    cells = int(rng.integers(3, 6))
    coarse = rng.normal(0, rng.uniform(0.05, 0.22), (cells, cells, 1)) + rng.normal(0, 0.03, (cells, cells, 3))
    gain = cv2.resize(np.exp(coarse).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image * gain, 0, 255), np.uint8)


def stain(image: Image, mesh: Floats, rng: np.random.Generator) -> Image:
    """Colour the skin around a feature, as a texture that bleeds over its border does; (S, S, 3), mesh (468, 2), px."""
    size = image.shape[0]
    points = mesh[list(_FEATURES[int(rng.choice(len(_FEATURES), p=[0.15, 0.15, 0.1, 0.2, 0.4]))])]
    centre = points.mean(0) + rng.normal(0, 0.02, 2) * size
    radius = np.maximum(np.ptp(points, axis=0), 0.05 * size) * rng.uniform(0.4, 0.8)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    blob = np.exp(-0.5 * (((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2))
    colour = rng.normal(0, 14, 3) + rng.normal(0, 12)
    return np.asarray(np.clip(image + blob[..., None] * colour, 0, 255), np.uint8)


def misplace(mesh: Floats, size: int, rng: np.random.Generator, amount: float) -> Floats:
    """Move landmarks smoothly, as a face model that does not quite fit puts them.

    Args:
        mesh: (468, 2), px.
        size: side of the picture, px.
        rng: the only source of chance.
        amount: about how far, in sides of the picture.
    """
    field = smooth_field(size, rng, amount=amount * size, cells=4)
    place = np.clip(mesh.round().astype(int), 0, size - 1)
    return np.asarray(mesh + field[place[:, 1], place[:, 0]] + rng.normal(0, amount / 2, 2) * size, np.float32)
