"""Animated WebP, one picture at a time: FFmpeg does not read it, and OpenCV only all of it at once.

The container: RFC 9649, section 2.7. Each frame is handed to OpenCV as a still picture, and laid over those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from ..errors import SourceError
from ..types import Image

_MOST = 64_000_000
"Pixels of a canvas; a file of a few bytes may promise any number."
_CLEAR, _REPLACE = 1, 2
"Bits of a frame: it is wiped off before the next one; it is not blended with what lies under it."


@dataclass(frozen=True, slots=True)
class _Part:
    """One frame of the file."""

    left: int
    top: int
    seconds: float
    flags: int
    chunks: bytes


def frame_count(path: Path, most: int = 2) -> int:
    """Return how many pictures an animation has, counted up to `most`; 0 for a still one. Raises OSError."""
    with path.open("rb") as file:
        return sum(1 for _, (kind, _) in zip(range(most), _frames(file), strict=False) if kind)


def read_animation(path: Path) -> Iterator[tuple[float, Image]]:
    """Yield the time, s, and the picture, HxWx3 BGR, of each frame.

    Raises:
        SourceError: it is damaged, or larger than anything that is shown.
    """
    with path.open("rb") as file:
        width, height = _canvas_size(file)
        if not 0 < width * height <= _MOST:
            raise SourceError(f"{path}: {width} x {height} pixels are more than can be judged")
        canvas, now = np.zeros((height, width, 4), np.uint8), 0.0
        for _, body in _frames(file):
            part = _part(body)
            picture = _decoded(part.chunks)
            if picture is None:
                raise SourceError(f"{path}: damaged: one of its pictures cannot be decoded")
            area = canvas[part.top : part.top + picture.shape[0], part.left : part.left + picture.shape[1]]
            picture = picture[: area.shape[0], : area.shape[1]]
            area[:] = picture if part.flags & _REPLACE else _over(picture, area)
            yield now, np.ascontiguousarray(canvas[:, :, :3])
            now += part.seconds
            if part.flags & _CLEAR:
                area[:] = 0


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, size) of each chunk of a file."""
    end, place = file.seek(0, 2), 12
    while place + 8 <= end:
        file.seek(place)
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        yield head[:4], place + 8, min(size, end - place - 8)
        place += 8 + size + size % 2


def _frames(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for kind, start, size in _chunks(file):
        if kind == b"ANMF" and size >= 16:
            file.seek(start)
            yield kind, file.read(size)


def _canvas_size(file: BinaryIO) -> tuple[int, int]:
    for kind, start, size in _chunks(file):
        if kind == b"VP8X" and size >= 10:
            file.seek(start + 4)
            body = file.read(6)
            return int.from_bytes(body[:3], "little") + 1, int.from_bytes(body[3:], "little") + 1
    return 0, 0


def _part(body: bytes) -> _Part:
    left, top, _, _, duration = (int.from_bytes(body[at : at + 3], "little") for at in (0, 3, 6, 9, 12))
    return _Part(2 * left, 2 * top, duration / 1000, body[15], body[16:])


def _decoded(chunks: bytes) -> Image | None:
    """Return the picture of a frame, HxWx4 BGRA."""
    head = b""
    if chunks[:4] == b"ALPH":
        # A still picture with transparency says its size first; the coded one begins after the transparency.
        size = int.from_bytes(chunks[4:8], "little")
        coded = chunks[8 + size + size % 2 :]
        width, height = (int.from_bytes(coded[at : at + 2], "little") & 0x3FFF for at in (14, 16))
        sides = b"".join((side - 1).to_bytes(3, "little") for side in (max(width, 1), max(height, 1)))
        head = b"VP8X" + (10).to_bytes(4, "little") + b"\x10\0\0\0" + sides
    still = b"WEBP" + head + chunks
    data = np.frombuffer(b"RIFF" + len(still).to_bytes(4, "little") + still, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if image is None or image.ndim != 3:
        return None
    return np.asarray(image if image.shape[2] == 4 else cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), np.uint8)


def _over(upper: Image, lower: Image) -> Image:
    """Lay one BGRA picture over another, neither premultiplied."""
    if (upper[:, :, 3] == 255).all():
        return upper
    a, b = (picture[:, :, 3:].astype(np.float32) / 255 for picture in (upper, lower))
    alpha = a + b * (1 - a)
    mixed = (upper[:, :, :3] * a + lower[:, :, :3] * b * (1 - a)) / np.maximum(alpha, 1e-6)
    return np.concatenate([np.rint(mixed), np.rint(alpha * 255)], axis=2).astype(np.uint8)
