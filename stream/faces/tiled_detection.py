"""Faces of single pictures, which come in any size, and where there is no second chance a moment later."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Face, Image
from .align import square
from .centerface import Detector
from .nms import suppress

_BORDER = 0.25
_TILE = 1280
_STEP = 960
PART = 1040, 620
"Width and height of a part, px: four of them make a picture of 1080p."
OVERLAP = 120
"Of the parts, px: no face that is small in a part lies in none whole."


def find(detector: Detector, image: Image) -> list[Face]:
    """Return the faces of an HxWx3 BGR picture, best first.

    Where the whole picture shows none, the search goes on in a picture with a border, for a face that fills it, and,
    where it is large, in overlapping tiles, for small ones.
    """
    faces = _confirmed(detector, image)
    return faces or _bordered(detector, image) or _tiled(detector, image)


def _confirmed(detector: Detector, image: Image) -> list[Face]:
    found = detector.detect(image)
    squares = np.array([square(face.points) for face in found], np.float32).reshape(-1, 3)
    faces = [*detector.locate(image, squares), *(face for face in found if face.score >= 0.75)]
    return _once(faces)


def _bordered(detector: Detector, image: Image) -> list[Face]:
    by = round(_BORDER * max(image.shape[:2]))
    wide = cv2.copyMakeBorder(image, by, by, by, by, cv2.BORDER_REPLICATE)
    return [_moved(face, -by, -by) for face in _confirmed(detector, np.asarray(wide, np.uint8))]


def _tiled(detector: Detector, image: Image) -> list[Face]:
    height, width = image.shape[:2]
    if max(height, width) <= _TILE:
        return []
    faces: list[Face] = []
    for top in range(0, max(height - _TILE // 4, 1), _STEP):
        for left in range(0, max(width - _TILE // 4, 1), _STEP):
            part = image[top : top + _TILE, left : left + _TILE]
            faces += [_moved(face, left, top) for face in _confirmed(detector, part)]
    return _once(faces)


def part(detector: Detector, image: Image, number: int) -> list[Face]:
    """Return the faces that the number-th part of an HxWx3 BGR picture shows, best first.

    Parts of PART px overlap by more than a small face, and are counted on and on; a picture of one part is that part.
    """
    wide, high = PART
    height, width = image.shape[:2]
    places = [(x, y) for y in _starts(height, high) for x in _starts(width, wide)]
    left, top = places[number % len(places)]
    found = detector.detect(np.ascontiguousarray(image[top : top + high, left : left + wide]))
    return [_moved(face, left, top) for face in found]


def _starts(length: int, size: int) -> list[int]:
    """Return where parts of so many px begin that cover a length, evenly spread and overlapping by OVERLAP or more."""
    if length <= size:
        return [0]
    count = -(-(length - OVERLAP) // (size - OVERLAP))
    return [round(i * (length - size) / (count - 1)) for i in range(count)]


def _moved(face: Face, x: float, y: float) -> Face:
    shift = np.array([x, y], np.float32)
    return Face(face.box + np.tile(shift, 2), face.points + shift, face.score)


def _once(faces: list[Face]) -> list[Face]:
    if not faces:
        return []
    keep = suppress(np.stack([f.box for f in faces]), np.array([f.score for f in faces]), 0.3)
    return [faces[i] for i in keep]
