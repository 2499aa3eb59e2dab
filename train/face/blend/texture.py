"""How the blended part differs in colour, sharpness and grain from the face around it."""

from __future__ import annotations

import cv2
import numpy as np

from ....stream.types import Floats, Image


def tint(image: Image, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """Shift channels, hue, saturation, brightness and contrast of HxWx3 BGR; strength scales every shift."""
    out = image.astype(np.float32)
    out += rng.uniform(-14, 14, 3) * strength
    out = (out - 128) * (1 + rng.uniform(-0.12, 0.12) * strength) + 128 + rng.uniform(-14, 14) * strength
    mixed = np.clip(out, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        hsv = cv2.cvtColor(mixed, cv2.COLOR_BGR2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(rng.uniform(-5, 5) * strength)) % 180
        hsv[..., 1] = np.clip(hsv[..., 1] * (1 + rng.uniform(-0.2, 0.2) * strength), 0, 255)
        mixed = np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)
    return mixed


def refocus(image: Image, rng: np.random.Generator) -> Image:
    """Lose detail of (S, S, 3) by a smaller copy or by blur, or sharpen."""
    size = image.shape[0]
    draw = rng.random()
    if draw < 0.45:
        small = max(16, round(size / rng.uniform(1.2, 3.0)))
        down = rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST], p=[0.6, 0.3, 0.1])
        up = rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
        less = cv2.resize(image, (small, small), interpolation=int(down))
        out = cv2.resize(less, (size, size), interpolation=int(up))
    elif draw < 0.65:
        out = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6) * size / 256)
    else:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.5))
        amount = rng.uniform(0.2, 1.0)
        out = cv2.addWeighted(image, 1 + amount, soft, -amount, 0)
    return np.asarray(out, np.uint8)


def rerender(image: Image, rng: np.random.Generator) -> Image:
    """Imitate a decoder network on (S, S, 3): a narrow bottleneck, smoothed skin, the grid of learned upsampling."""
    size = image.shape[0]
    small = max(20, round(size / rng.uniform(1.3, 2.6)))
    code = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        code = cv2.bilateralFilter(code, 5, rng.uniform(8, 30), rng.uniform(1.5, 4))
    up = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC], p=[0.15, 0.45, 0.4]))
    out = cv2.resize(code, (size, size), interpolation=up).astype(np.float32)
    if rng.random() < 0.5:
        period = int(rng.choice([2, 4, 8]))
        cell = rng.normal(0, rng.uniform(0.5, 2.5), (period, period, 3)).astype(np.float32)
        out += np.tile(cell, (size // period + 1, size // period + 1, 1))[:size, :size]
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(out, (0, 0), 1.0)
        out = out + rng.uniform(0.2, 1.2) * (out - soft)
    return np.clip(out, 0, 255).astype(np.uint8)


def match_colour(source: Image, target: Image, mask: Floats) -> Image:
    """Give source the mean and spread in Lab that target has under the mask; (S, S, 3) BGR, (S, S).

    Reinhard et al., "Color Transfer between Images", IEEE CG&A 21(5), 2001.
    """
    inside = mask > 0.5
    if inside.sum() < 32:
        return source
    a = cv2.cvtColor(source, cv2.COLOR_BGR2LAB).astype(np.float32)
    b = cv2.cvtColor(target, cv2.COLOR_BGR2LAB)[inside].astype(np.float32)
    inner = a[inside]
    scale = np.clip((b.std(0) + 1) / (inner.std(0) + 1), 0.5, 2.0)
    moved = (a - inner.mean(0)) * scale + b.mean(0)
    return np.asarray(cv2.cvtColor(np.clip(moved, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR), np.uint8)
