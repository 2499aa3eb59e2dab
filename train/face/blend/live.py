"""A face swapped as programs for live calls do it: rendered small by a decoder, fitted, coloured, pasted softly."""

from __future__ import annotations

import cv2
import numpy as np

from ....stream.types import Floats, Image
from . import graphics, masks, texture, warp
from .fake import Fake, Subject


def live_swap(subject: Subject, donor: Subject | None, rng: np.random.Generator) -> Fake:
    """Lay a rendered face over the subject's.

    Args:
        subject: the genuine face.
        donor: whose face it gets; None = its own, as of a decoder that renders nearly the same face.
        rng: the only source of chance.
    """
    size = subject.image.shape[0]
    region = str(rng.choice(["face", "brows-down"]))
    hard = masks.hull(subject.mesh, region, size, rng)
    if donor is not None:
        fit = graphics.misplace(subject.mesh, size, rng, rng.uniform(0.003, 0.01))
        front = warp.onto(donor.image, donor.mesh, fit, size)
    else:
        front = warp.express(subject.image, subject.mesh, rng) if rng.random() < 0.4 else subject.image
    front = _slip(decoded(front, rng), rng)
    if rng.random() < 0.9:
        front = texture.match_colour(front, subject.image, hard)
    if rng.random() < 0.3:
        front = texture.tint(front, rng, 0.3)
    soft = _soft(hard, rng)
    alpha = soft[..., None]
    image = np.clip(front * alpha + subject.image * (1 - alpha), 0, 255).astype(np.uint8)
    return Fake(image, np.asarray(np.clip(soft / max(float(soft.max()), 1e-3), 0, 1), np.float32), f"live:{region}")


def decoded(image: Image, rng: np.random.Generator) -> Image:
    """Let (S, S, 3) through a narrow decoder: fewer pixels, smooth skin, then enlarged and at times sharpened."""
    size = image.shape[0]
    small = max(32, round(size * rng.uniform(0.3, 0.95)))
    out = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        out = cv2.bilateralFilter(out, 5, rng.uniform(8, 30), rng.uniform(1.5, 4))
    if rng.random() < 0.4:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.2))
    how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    out = cv2.resize(out, (size, size), interpolation=how)
    if rng.random() < 0.45:
        soft, amount = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.8, 2.0)), rng.uniform(0.3, 1.5)
        out = cv2.addWeighted(out, 1 + amount, soft, -amount, 0)
    return np.asarray(out, np.uint8)


def _slip(image: Image, rng: np.random.Generator) -> Image:
    """Put the face a little beside its place, as one is that was fitted to the frame before."""
    size = image.shape[0]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.normal(0, 0.8)), float(rng.normal(1, 0.012)))
    matrix[:, 2] += rng.normal(0, 0.008, 2) * size
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _soft(hard: Floats, rng: np.random.Generator) -> Floats:
    """Erode the mask, then blur its edge."""
    size = hard.shape[0]
    eroded = round(rng.uniform(0.0, 0.06) * size)
    if eroded:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * eroded + 1,) * 2)
        hard = np.asarray(cv2.erode(hard, kernel), np.float32)
    return np.asarray(cv2.GaussianBlur(hard, (0, 0), rng.uniform(0.006, 0.045) * size), np.float32)
