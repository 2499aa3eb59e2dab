"""Stretches of genuine video with the landmarks of its face, and manipulated versions of them, coded as video is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from ...stream.faces.align import crop, face_px, similarity
from ...stream.faces.centerface import CenterFace
from ...stream.types import Floats, Image
from ..data.face_crops import largest
from ..data.landmarks import FaceMesh
from .blend import Subject, make, retime

FRAMES = 30
"Frames of a stretch."
_SCALE = 2.0
"Side of the pictures over that of the tight face square: the coder shall see what lies around a face."
_MESH_SCALE = 1.2
_MOST = 256
"Greatest side of the pictures, px."


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive frames of one face, cut by one square."""

    identity: str
    images: list[Image]
    "(S, S, 3) BGR each."
    mesh: list[Floats]
    "(468, 2) each, px."
    points: list[Floats]
    "(5, 2) each, px."


def stretches(path: Path, identity: str, detector: CenterFace, mesh: FaceMesh, most: int = _MOST) -> Iterator[Stretch]:
    """Cut a clip of one person into stretches of at most so many px; frames without a sure face break them."""
    images: list[Image] = []
    points: list[Floats] = []
    with av.open(str(path), metadata_errors="replace") as container:
        for frame in container.decode(video=0):
            image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            faces = detector.detect(image)
            if not faces:
                images, points = [], []
                continue
            images.append(image)
            points.append(largest(faces).points)
            if len(images) == FRAMES:
                yield _cut(identity, images, points, mesh, most)
                images, points = [], []


def _cut(identity: str, images: list[Image], points: list[Floats], mesh: FaceMesh, most: int) -> Stretch:
    middle = np.median(np.stack(points), 0).astype(np.float32)
    size = int(np.clip(round(face_px(middle) * _SCALE / 2) * 2, 128, most))
    matrix = similarity(middle, size, _SCALE)
    cuts = [crop(image, middle, size, _SCALE) for image in images]
    five = [(p @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for p in points]
    return Stretch(identity, cuts, [_dense(c, p, mesh) for c, p in zip(cuts, five, strict=True)], five)


def _dense(image: Image, points: Floats, mesh: FaceMesh) -> Floats:
    """(468, 2) px of image."""
    side = max(64, round(face_px(points) * _MESH_SCALE))
    matrix = similarity(points, side, _MESH_SCALE)
    found, _ = mesh(crop(image, points, side, _MESH_SCALE))
    inverse = cv2.invertAffineTransform(matrix)
    return np.asarray(found @ inverse[:, :2].T + inverse[:, 2], np.float32)


def manipulated(stretch: Stretch, donor: Subject | None, rng: np.random.Generator) -> list[Image]:
    """Manipulate every frame in the same way, each by itself, to (S, S, 3).

    What a generator does to a face is drawn once; where it places it trembles from frame to frame, and what it renders
    falls on the grid of pixels anew each time.

    Args:
        stretch: genuine frames.
        donor: another person's face: the fake is a swap. None: the face is rendered anew or takes the expression of
            another moment.
        rng: the only source of chance.
    """
    seed = int(rng.integers(1 << 31))
    size = stretch.images[0].shape[0]
    tremble = size / 2 * float(np.exp(rng.uniform(np.log(2e-4), np.log(8e-3))))
    drift = _smooth(rng, len(stretch.images)) * float(rng.uniform(0, 0.006)) * size / 2
    flicker = float(rng.uniform(0, 0.2)) if rng.random() < 0.4 else 0.0
    other = int(rng.integers(2, FRAMES // 2)) * int(rng.choice([-1, 1])) if rng.random() < 0.6 else 0
    frozen = rng.random() < 0.25
    out = []
    for i, (image, mesh) in enumerate(zip(stretch.images, stretch.mesh, strict=True)):
        shake = (rng.normal(0, tremble, 2) + drift[i]).astype(np.float32)
        phase = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
        same = np.random.default_rng(seed)
        if donor is not None:
            made = make(Subject(image, mesh + shake), donor, same)
            front, mask = made.image, made.mask
        else:
            moved = Subject(_shift(image, phase), mesh + phase)
            if other:
                j = 0 if frozen else (i + other) % FRAMES
                made = retime(moved, Subject(stretch.images[j], stretch.mesh[j]), same)
            else:
                made = make(moved, None, same)
            front = _shift(made.image, shake - phase)
            mask = np.asarray(_shift(made.mask, shake - phase), np.float32)
        strength = 1 - min(abs(float(rng.normal(0, flicker))), 0.7) if flicker else 1.0
        # Outside the mask nothing may be resampled: a generator does not touch it.
        alpha = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0.004).astype(np.float32)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)[..., None] * strength
        out.append(np.clip(front * alpha + image * (1 - alpha) + 0.5, 0, 255).astype(np.uint8))
    return out


def _smooth(rng: np.random.Generator, count: int) -> Floats:
    """(count, 2): a slow random path of about unit amplitude."""
    knots = rng.normal(0, 1, (max(3, count // 5), 2)).astype(np.float32)
    return np.asarray(cv2.resize(knots, (2, count), interpolation=cv2.INTER_CUBIC), np.float32)


def _shift(image: Image | Floats, by: Floats) -> Image:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    size = image.shape[0]
    return cast(
        Image, cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


@dataclass(frozen=True)
class Coding:
    """How a version is coded: the same for genuine and fake."""

    codec: str
    options: dict[str, str]
    share: float
    "Side after resizing, over that before."
    noise: float
    "Standard deviation of grain added before, grey levels."

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Coding:
        """Draw what files and calls have: mostly H.264 of good quality, at times VP8 at the rate of a call."""
        share = float(rng.uniform(0.6, 1.0)) if rng.random() < 0.5 else 1.0
        noise = float(rng.uniform(0.5, 5)) if rng.random() < 0.3 else 0.0
        if rng.random() < 0.2:
            options = {"deadline": "realtime", "cpu-used": "6", "crf": str(int(rng.integers(8, 34))), "b": "2M"}
            return cls("libvpx", options, share, noise)
        preset = str(rng.choice(["medium", "veryfast", "ultrafast"], p=[0.6, 0.3, 0.1]))
        crf = int(rng.choice([18, 20, 23, 23, 23, 26, 29, 32]))
        return cls("libx264", {"preset": preset, "crf": str(crf)}, share, noise)


def coded(images: Sequence[Image], how: Coding, rng: np.random.Generator) -> list[Image]:
    """Send frames (S, S, 3) BGR through the codec; the result has the side that `how` says."""
    size = round(images[0].shape[0] * how.share / 2) * 2
    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as container:
        stream = cast(av.VideoStream, container.add_stream(how.codec, rate=25))
        stream.width = stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", dict(how.options)
        stream.codec_context.thread_count = 1
        for number, image in enumerate(images):
            if size != image.shape[0]:
                image = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
            if how.noise:
                image = np.clip(image + rng.normal(0, how.noise, image.shape), 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(image, "bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    sink.seek(0)
    with av.open(sink, "r") as container:
        container.streams.video[0].thread_count = 1
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
