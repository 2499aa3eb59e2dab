"""Where a face crop is cut. Training, export and live use share this one function, so that they cannot drift."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from ..types import Floats, Image

# Mean positions of the five points over upright frontal faces, in units of the tight face square's side, from its
# centre, which lies a little under the nose bridge, so that chin and brows are equally far from the border.
_TEMPLATE = np.array(
    [[-0.158, -0.128], [0.157, -0.129], [0.0, 0.051], [-0.129, 0.236], [0.131, 0.234]],
    np.float32,
)

_GRID = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2)
"(81, 2), pixels spread over a crop of 9 x 9."


def similarity(points: Floats, size: int, scale: float) -> Floats:
    """Return the 2x3 matrix that takes frame pixels to pixels of an upright crop.

    The least-squares similarity (rotation, one scale, shift; no mirror) of Umeyama, IEEE TPAMI 13(4), 1991. In the
    plane it has a closed form: with points as complex numbers about their means, the factor is sum(p* q) / sum |p|^2.

    Args:
        points: (5, 2), eyes, nose tip and mouth corners, px of the frame.
        size: side of the crop, px.
        scale: side of the crop over the side of the tight face square.
    """
    target, goal_mean = _goal(size, scale)
    source_mean = points.mean(0)
    source = points - source_mean
    spread = max(float((source * source).sum()), 1e-6)
    a = float((source * target).sum()) / spread
    b = float((source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()) / spread
    matrix = np.empty((2, 3), np.float32)
    matrix[:, :2] = (a, -b), (b, a)
    matrix[:, 2] = goal_mean - matrix[:, :2] @ source_mean
    return matrix


@lru_cache(maxsize=32)
def _goal(size: int, scale: float) -> tuple[Floats, Floats]:
    """Return where the five points shall lie in the crop, (5, 2) about their mean, and the mean."""
    goal = _TEMPLATE * (size / scale) + size / 2
    mean = goal.mean(0)
    return goal - mean, mean


def face_px(points: Floats) -> float:
    """Return the side of the tight face square of points (5, 2) in the frame, px: face size everywhere."""
    return square(points)[2]


def square(points: Floats) -> tuple[float, float, float]:
    """Return the tight face square of points (5, 2), however turned: centre x, centre y and side, px of the frame."""
    matrix = similarity(points, 1, 1.0)
    factor = max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    # The rotation is orthogonal, so its transpose over the scale takes the crop's centre back.
    centre = matrix[:, :2].T @ (np.array([0.5, 0.5], np.float32) - matrix[:, 2]) / factor**2
    return float(centre[0]), float(centre[1]), 1 / factor


def misfit(points: Floats) -> float:
    """Return how far points (5, 2) lie from an upright frontal face's, RMS, in sides of the tight face square.

    About 0.02 for a frontal face, 0.06 for a three-quarter view; a profile or points that belong to no face exceed 0.1.
    """
    matrix = similarity(points, 1, 1.0)
    found = points @ matrix[:, :2].T + matrix[:, 2] - 0.5
    return float(np.sqrt(((found - _TEMPLATE) ** 2).sum(1).mean()))


def outside(points: Floats, width: int, height: int, scale: float) -> float:
    """Return the share of the crop of points (5, 2) that lies outside a picture of width x height px, 0..1."""
    inverse = cv2.invertAffineTransform(similarity(points, 9, scale))
    grid = _GRID @ inverse[:, :2].T + inverse[:, 2]
    inside = ((grid >= -0.5) & (grid <= np.array([width - 0.5, height - 0.5]))).all(1)
    return float(1 - inside.mean())


def crop(image: Image, points: Floats, size: int, scale: float) -> Image:
    """Cut the upright face.

    Args:
        image: HxWx3 BGR.
        points: (5, 2), px of image.
        size: side of the crop, px.
        scale: side of the crop over the side of the tight face square.

    Returns:
        (size, size, 3) BGR; what lies outside the picture repeats its border.
    """
    matrix = similarity(points, size, scale)
    factor = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if factor < 0.5:
        # Bilinear sampling of a face shrunk more than twice would alias: average first.
        image, matrix = _shrink(image, matrix, size, int(1 / factor))
    warped = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def crop_inside(image: Image, points: Floats, size: int, scale: float) -> Image:
    """Cut the upright face as crop does, (size, size, 3), but within the picture: shifted, or fewer px where too large.

    A tilted crop as large as the picture still reaches over its corners.
    """
    height, width = image.shape[:2]
    scale = min(scale, min(height, width) / face_px(points))
    inverse = cv2.invertAffineTransform(similarity(points, size, scale))
    corners = (np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size - 0.5) @ inverse[:, :2].T + inverse[:, 2]
    over = np.minimum(corners.min(0) + 0.5, 0) + np.maximum(corners.max(0) + 0.5 - (width, height), 0)
    return crop(image, np.asarray(points - over, np.float32), size, scale)


def _shrink(image: Image, matrix: Floats, size: int, by: int) -> tuple[Image, Floats]:
    """Average by x by blocks of the part of image that the crop shows; return it and the matrix that fits it."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32) @ inverse[:, :2].T + inverse[:, 2]
    left, top = np.maximum(np.floor(corners.min(0)).astype(int) - by, 0)
    right, bottom = np.ceil(corners.max(0)).astype(int) + by
    part = image[top:bottom, left:right]
    height, width = part.shape[0] // by, part.shape[1] // by
    if height < 1 or width < 1:
        return image, matrix
    small = cv2.resize(part[: height * by, : width * by], (width, height), interpolation=cv2.INTER_AREA)
    shifted = matrix.copy()
    # Pixel centres: x_frame = left + by * x_small + (by - 1) / 2.
    shifted[:, 2] += matrix[:, :2] @ (np.array([left, top], np.float32) + (by - 1) / 2)
    shifted[:, :2] *= by
    return np.asarray(small, np.uint8), shifted
