"""Small square pictures around faces that are known already: where a detector looks again, at a uniform scale."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Face, Floats, Image
from .nms import suppress
from .resize import resize

RATIO = 2.0
"Side of a patch over the side of the tight face square: room for a face that moved half its size."


# Beside black, repeated and mirrored borders this moves the points of a face at the border least.
_GREY = (110, 110, 110)


def cut(image: Image, squares: Floats, size: int) -> tuple[Image, Floats]:
    """Cut one patch a square.

    Args:
        image: HxWx3 BGR.
        squares: (n, 3), centre x, centre y and side of the tight face squares, px.
        size: side of a patch, px.

    Returns:
        (n, size, size, 3) patches, grey outside the picture, and (n, 3): left, top and frame px a patch px.
    """
    patches = np.full((len(squares), size, size, 3), _GREY[0], np.uint8)
    places = np.empty((len(squares), 3), np.float32)
    limit = max(image.shape[:2])
    for i, (x, y, face) in enumerate(squares):
        side = int(np.clip(round(float(face) * RATIO), 16, 2 * limit))
        side -= side % max(side // size, 1)  # for resize
        left, top = round(float(x) - side / 2), round(float(y) - side / 2)
        part = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        if part.size:
            above, before = max(-top, 0), max(-left, 0)
            below, after = side - above - part.shape[0], side - before - part.shape[1]
            if above or before or below or after:
                bordered = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_CONSTANT, value=_GREY)
                part = np.asarray(bordered, np.uint8)
            patches[i] = resize(part, size, size)
        places[i] = left, top, side / size
    return patches, places


def merge(found: list[list[Face]], squares: Floats, places: Floats) -> list[Face]:
    """Bring the faces of the patches back to the frame, best first, every face once.

    Args:
        found: the faces of each patch, px of the patch.
        squares: (n, 3), as given to cut.
        places: (n, 3), as cut returned them.
    """
    faces: list[Face] = []
    for group, (x, y, side), (left, top, factor) in zip(found, squares, places, strict=True):
        shift = np.array([left, top], np.float32)
        for face in group:
            box = face.box * factor + np.tile(shift, 2)
            middle = (box[:2] + box[2:]) / 2
            # Near the border half a neighbour may show; its own patch sees it better.
            if np.hypot(middle[0] - x, middle[1] - y) <= 0.65 * side:
                faces.append(Face(box.astype(np.float32), face.points * factor + shift, face.score))
    if not faces:
        return []
    keep = suppress(np.stack([f.box for f in faces]), np.array([f.score for f in faces]), 0.4)
    return [faces[i] for i in keep]
