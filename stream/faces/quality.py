"""When to say "I can't tell": what of a face can be measured, the limits, and the fixed list of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from ..types import Face, Image, Status
from .align import misfit, outside, square

REASONS = (
    "no-face",
    "face-too-small",
    "blurred",
    "low-bitrate",
    "packet-loss",
    "too-short",
    "occluded",
    "borderline",
    "no-speech",
    "not-speech",
    "music",
    "noise",
    "clipped",
)
"Every reason a verdict may carry."

_SIDE = 96


@dataclass(frozen=True, slots=True)
class Limits:
    """Below (max: above) these the models were not shown to work. The card's `quality` may set each."""

    min_face_px: float = 48.0
    "Side of the tight face square, px of the frame; below it the crop is magnified more than fourfold."
    min_sharpness: float = 0.26
    "See `sharpness`. Sharp faces of talking clips: 0.35 to 0.9; blurred with a sigma of 2% of the face: 0.18 to 0.24."
    min_bits: float = 0.2
    "Bits of video a pixel a second. A 720p call at 1 Mb/s has 1.1, at 180 kb/s 0.2."
    max_loss: float = 0.05
    "Share of the packets or the pictures of a call that were lost lately (see Frame.loss)."
    min_score: float = 0.7
    "Detector confidence. Faces seen whole have 0.74 to 0.91 (nine in ten), half covered 0.52 to 0.8."
    max_misfit: float = 0.1
    "How far the five points may lie from a frontal face's, in sides of the face (align.misfit); a profile has more."
    max_outside: float = 0.25
    "Share of the crop outside the picture."
    min_seconds: float = 1.0
    "Time over which a face was scored, s."
    min_rows: float = 4.0
    "Frames in which it was scored."

    @classmethod
    def of(cls, quality: Mapping[str, Any]) -> Limits:
        """Take the limits that a card names, and the defaults for the rest."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: float(v) for k, v in quality.items() if k in known})


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face in one frame."""

    face_px: float
    "Side of the tight face square, px of the frame."
    sharpness: float
    misfit: float
    outside: float
    score: float
    bits: float | None = None
    "Bits of video a pixel a second; None = not known."
    loss: float | None = None
    "As in Frame."


def measure(
    image: Image,
    face: Face,
    crop: Image,
    scale: float,
    bitrate_kbps: float | None = None,
    loss: float | None = None,
) -> Quality:
    """Measure one face of a frame.

    Args:
        image: the frame, HxWx3 BGR.
        face: the face, px of the frame.
        crop: its aligned crop, (S, S, 3) BGR.
        scale: that the crop was cut with.
        bitrate_kbps: of the video, kb/s; None = not known.
        loss: see Frame.
    """
    height, width = image.shape[:2]
    size = square(face.points)[2]
    bits = None if bitrate_kbps is None else bitrate_kbps * 1000 / (width * height)
    share = outside(face.points, width, height, scale)
    return Quality(size, sharpness(crop, size), misfit(face.points), share, face.score, bits, loss)


def sharpness(crop: Image, face_px: float) -> float:
    """Return how much of the finest detail a crop (S, S, 3) has beside coarser: about 0.6 if sharp, 0.1 without any.

    The standard deviation of what a Gaussian of 1 px takes away, over that of the band from 2 to 4 px, on the face at
    96 px or, where it is smaller, at its own size. Natural pictures have the same contrast at every scale, so neither
    the size of the face nor its contrast matters much.
    """
    side = int(np.clip(face_px, 32, _SIDE))
    small = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (side, side), interpolation=cv2.INTER_AREA)
    gray = small.astype(np.float32)
    one, two, four = (cv2.GaussianBlur(gray, (0, 0), sigma) for sigma in (1.0, 2.0, 4.0))
    inner = slice(side // 8, -(side // 8))
    fine, coarse = (gray - one)[inner, inner].std(), (two - four)[inner, inner].std()
    return float(fine / max(float(coarse), 1.0))


def reasons(quality: Quality, limits: Limits) -> tuple[str, ...]:
    """Return why one frame is poor evidence of a face, in the order of REASONS; empty where it is good."""
    found = []
    if quality.face_px < limits.min_face_px:
        found.append("face-too-small")
    if quality.sharpness < limits.min_sharpness:
        found.append("blurred")
    if quality.bits is not None and quality.bits < limits.min_bits:
        found.append("low-bitrate")
    if quality.loss is not None and quality.loss > limits.max_loss:
        found.append("packet-loss")
    if quality.score < limits.min_score or quality.misfit > limits.max_misfit or quality.outside > limits.max_outside:
        found.append("occluded")
    return tuple(found)


def judge(
    fake: float | None, reasons: tuple[str, ...], fake_at: float, real_at: float
) -> tuple[Status, tuple[str, ...]]:
    """Return the status of a probability and the reasons that it needs."""
    if reasons or fake is None:
        return "uncertain", reasons or ("too-short",)
    if fake >= fake_at:
        return "fake", ()
    if fake <= real_at:
        return "real", ()
    return "uncertain", ("borderline",)
