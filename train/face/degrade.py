"""What a camera, a codec and a network do to a picture: the same for a genuine face and for the fake made from it."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np

from ...stream.types import Floats, Image
from .blend.warp import express

CLEAN = 0.45
"Share of the pictures that only a good video codec touches, as in most files and good calls: from them it learns fast."


def degrade(pair: list[Image], rng: np.random.Generator, mesh: Floats | None = None) -> list[Image]:
    """Degrade pictures of one size alike: light, resolution, noise, blur, occlusion, then a codec.

    Args:
        pair: (H, W, 3) BGR each.
        rng: the only source of chance.
        mesh: (468, 2), px: with it, the face has moved since the frame before, as it does in speech. What moves is
            coded anew and coarser, so that the mouth of a genuine speaker is soft too.
    """
    if rng.random() < CLEAN:
        if rng.random() < 0.6:
            pair = light(pair, rng)
        return _coded(pair, rng, mesh, crf=int(rng.integers(17, 28)))
    for step, chance in ((light, 0.6), (_resize, 0.3), (blur, 0.2), (noise, 0.25), (_occlude, 0.06)):
        if rng.random() < chance:
            pair = step(pair, rng)
    draw = rng.random()
    if draw < 0.5:
        return _coded(pair, rng, mesh, crf=int(rng.integers(18, 37)))
    if draw < 0.8:
        quality = int(rng.integers(40, 97))
        return [jpeg(image, quality) for image in pair]
    return pair


def _coded(pair: list[Image], rng: np.random.Generator, mesh: Floats | None, crf: int) -> list[Image]:
    """Code the pictures, at times as the second frame of a face that moves."""
    if mesh is None or rng.random() < 0.4:
        return h264(pair, crf)
    how = int(rng.integers(1 << 31))
    before = [express(image, mesh, np.random.default_rng(how)) for image in pair]
    return h264(pair, crf, before)


def wear(image: Image, rng: np.random.Generator, mesh: Floats | None = None) -> Image:
    """Age a genuine HxWx3 picture as its history does before any manipulation: light, sensor, old video, filter, codec.

    Without it every genuine face is sharp and evenly lit, and softness or glare alone would pass for manipulation.
    """
    return age([image], rng, mesh)[0]


def age(pair: list[Image], rng: np.random.Generator, mesh: Floats | None = None) -> list[Image]:
    """Age HxWx3 pictures of one size alike, as wear does; mesh: (468, 2), px."""
    if rng.random() < 0.35:
        pair = _hard_light(pair, rng)
    draw = rng.random()
    if draw < 0.45:
        pair = _resize(pair, rng, least=0.3)
    elif draw < 0.6:
        sigma, reach = rng.uniform(10, 35), rng.uniform(1.5, 4)
        pair = [np.asarray(cv2.bilateralFilter(image, 7, sigma, reach), np.uint8) for image in pair]
    if rng.random() < 0.25:
        pair = _smear_colour(pair, rng)
    if rng.random() < 0.25:
        pair = _halo(pair, rng)
    if rng.random() < 0.65:
        pair = _coded(pair, rng, mesh, crf=int(rng.integers(20, 38)))
    return pair


def h264(images: list[Image], crf: int, before: list[Image] | None = None) -> list[Image]:
    """Code pictures of one size with x264 side by side, so that each gets the same rate control.

    Args:
        images: (H, W, 3) BGR each.
        crf: constant rate factor, 0..51.
        before: the frame before, from which the coder predicts; None = a key frame.
    """
    height, width = images[0].shape[:2]
    tall, wide = (height + 1) // 2 * 2, (width + 1) // 2 * 2
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = wide * len(images), tall, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.options = {"preset": "veryfast", "crf": str(crf), "tune": "zerolatency"}
    packets = []
    for pts, row in enumerate([before, images] if before else [images]):
        padded = [cv2.copyMakeBorder(i, 0, tall - height, 0, wide - width, cv2.BORDER_REPLICATE) for i in row]
        picture = av.VideoFrame.from_ndarray(np.asarray(np.hstack(padded), np.uint8), "bgr24")
        picture = picture.reformat(format="yuv420p")
        picture.pts = pts
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = [frame for packet in packets for frame in decoder.decode(packet)] + list(decoder.decode(None))
    sheet = decoded[-1].to_ndarray(format="bgr24")
    return [np.ascontiguousarray(sheet[:height, i * wide : i * wide + width]) for i in range(len(images))]


def jpeg(image: Image, quality: int) -> Image:
    """Code and decode HxWx3 BGR at this quality, 0..100."""
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def light(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Change gain, offset, gamma and balance of HxWx3 pictures alike; at times to grey."""
    gain, offset, gamma = rng.uniform(0.75, 1.25), rng.uniform(-20, 20), float(np.exp(rng.uniform(-0.35, 0.35)))
    balance = rng.uniform(0.93, 1.07, 3)
    grey = rng.random() < 0.05
    ramp = np.arange(256, dtype=np.float32)[:, None] * balance[None]
    table = np.clip(255 * (np.clip(ramp * gain + offset, 0, 255) / 255) ** gamma, 0, 255).astype(np.uint8)[None]
    out = [cv2.LUT(image, table) for image in pair]
    if grey:
        out = [cv2.cvtColor(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for i in out]
    return [np.asarray(i, np.uint8) for i in out]


def _hard_light(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Light from the side, lamps and glare: a smooth gain that may burn out a part of the face."""
    height, width = pair[0].shape[:2]
    coarse = rng.normal(rng.uniform(-0.15, 0.3), rng.uniform(0.1, 0.4), (3, 3, 1)) + rng.normal(0, 0.04, (3, 3, 3))
    gain = cv2.resize(np.exp(coarse).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return [np.clip(image * gain, 0, 255).astype(np.uint8) for image in pair]


def _smear_colour(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Keep the colours coarser than the light, and beside it, as analogue video and cheap cameras do."""
    height, width = pair[0].shape[:2]
    factor, shift = rng.uniform(3, 10), rng.normal(0, 1.5, 2)
    small = (max(8, round(width / factor)), max(8, round(height / factor)))
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    out = []
    for image in pair:
        parts = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
        coarse = cv2.resize(cv2.resize(parts[..., 1:], small, interpolation=cv2.INTER_AREA), (width, height))
        parts[..., 1:] = cv2.warpAffine(coarse, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        out.append(np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2BGR), np.uint8))
    return out


def _halo(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Sharpen too much, as cameras and television do."""
    sigma, amount = rng.uniform(0.8, 2.5), rng.uniform(0.4, 1.5)
    return [
        np.asarray(cv2.addWeighted(i, 1 + amount, cv2.GaussianBlur(i, (0, 0), sigma), -amount, 0), np.uint8)
        for i in pair
    ]


def _resize(pair: list[Image], rng: np.random.Generator, least: float = 0.4) -> list[Image]:
    height, width = pair[0].shape[:2]
    factor = rng.uniform(least, 1.0)
    small = (max(24, round(width * factor)), max(24, round(height * factor)))
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR]))
    up = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return [
        np.asarray(cv2.resize(cv2.resize(i, small, interpolation=down), (width, height), interpolation=up), np.uint8)
        for i in pair
    ]


def blur(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Blur HxWx3 pictures alike, out of focus or by motion."""
    if rng.random() < 0.5:
        sigma = rng.uniform(0.3, 1.3)
        return [np.asarray(cv2.GaussianBlur(i, (0, 0), sigma), np.uint8) for i in pair]
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    kernel /= max(float(kernel.sum()), 1e-3)
    return [np.asarray(cv2.filter2D(i, -1, kernel), np.uint8) for i in pair]


def noise(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Add the same normal noise, coloured or grey, to HxWx3 pictures of one size."""
    sigma = rng.uniform(1.5, 9)
    shape = pair[0].shape if rng.random() < 0.6 else (*pair[0].shape[:2], 1)
    grain = rng.normal(0, sigma, shape).astype(np.float32)
    return [np.clip(i + grain, 0, 255).astype(np.uint8) for i in pair]


def _occlude(pair: list[Image], rng: np.random.Generator) -> list[Image]:
    """Lay a plain or textured blob over a part, as a hand, a cup or a microphone does."""
    size = pair[0].shape[0]
    mask = np.zeros(pair[0].shape[:2], np.uint8)
    centre = tuple(int(v) for v in rng.uniform(0.25, 0.85, 2) * size)
    axes = tuple(int(v) for v in rng.uniform(0.05, 0.18, 2) * size)
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    colour = rng.uniform(20, 230, 3) + rng.normal(0, 6, (*mask.shape, 1))
    alpha = (cv2.GaussianBlur(mask, (3, 3), 0) / 255.0)[..., None]
    return [np.clip(i * (1 - alpha) + colour * alpha, 0, 255).astype(np.uint8) for i in pair]
