from __future__ import annotations

import cv2
import numpy as np
import pytest
from media import portrait
from truefeed.stream.faces import CenterFace
from truefeed.stream.faces.align import crop, crop_inside, face_px, misfit, outside, similarity, square
from truefeed.stream.types import Floats

FRONTAL = np.array([[-0.158, -0.128], [0.157, -0.129], [0.0, 0.051], [-0.129, 0.236], [0.131, 0.234]], np.float32)


def points(x: float = 200, y: float = 150, side: float = 80, turn: float = 0.0) -> Floats:
    c, s = np.cos(turn), np.sin(turn)
    return (FRONTAL @ np.array([[c, s], [-s, c]]) * side + [x, y]).astype(np.float32)


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.2])
def test_square_finds_the_face_however_it_is_turned(turn: float) -> None:
    assert square(points(turn=turn)) == pytest.approx((200, 150, 80), abs=0.01)
    assert face_px(points(side=37, turn=turn)) == pytest.approx(37, rel=1e-4)


def test_similarity_takes_the_points_to_their_places_in_the_crop() -> None:
    matrix = similarity(points(turn=0.3), 224, 1.05)
    placed = points(turn=0.3) @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(placed, FRONTAL * 224 / 1.05 + 112, atol=0.05)


def test_crop_is_the_same_face_at_any_size_and_turn() -> None:
    image = portrait()
    (face,) = CenterFace(long_side=512).detect(image)
    first = crop(image, face.points, 96, 1.05).astype(float)
    for factor, turn in ((0.6, 0.0), (1.3, 0.0), (1.0, 25.0)):
        matrix = cv2.getRotationMatrix2D((256, 256), turn, factor)
        moved = np.asarray(cv2.warpAffine(image, matrix, (900, 900), flags=cv2.INTER_AREA), np.uint8)
        five = (face.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        again = crop(moved, five, 96, 1.05).astype(float)
        assert np.corrcoef(first.ravel(), again.ravel())[0, 1] > 0.98
        assert np.abs(first - again).mean() < 8


def test_crop_of_a_large_face_does_not_alias() -> None:
    image = np.zeros((1000, 1000, 3), np.uint8)
    image[:, ::2] = 255
    cut = crop(image, points(500, 500, 800), 64, 1.05)
    assert cut.std() < 20
    assert abs(cut.mean() - 127) < 10


def test_crop_outside_the_picture_repeats_its_border() -> None:
    image = np.full((100, 100, 3), 77, np.uint8)
    assert (crop(image, points(-300, -300), 32, 1.0) == 77).all()


@pytest.mark.parametrize(("x", "y"), [(20, 150), (390, 150), (200, 10), (200, 290), (0, 0), (400, 300)])
def test_crop_inside_is_shifted_into_the_picture(x: float, y: float) -> None:
    image = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    # 100 px of the picture to 100 of the crop: the pixels themselves, of the nearest square that lies within.
    left, top = min(max(x - 50, 0), 300), min(max(y - 50, 0), 200)
    found = crop_inside(image, points(x, y, 80), 100, 1.25).astype(float)
    expected = image[int(top) : int(top) + 100, int(left) : int(left) + 100].astype(float)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.6


def test_crop_inside_is_the_crop_where_that_fits_and_never_larger_than_the_picture() -> None:
    image = portrait()
    face = points(250, 250, 120, turn=0.2)
    assert (crop_inside(image, face, 64, 1.2) == crop(image, face, 64, 1.2)).all()
    small = np.ascontiguousarray(image[200:300, 200:320])
    whole = crop_inside(small, points(60, 50, 90), 100, 2.0)
    assert np.abs(whole.astype(float) - small[:, 10:110]).mean() < 4


def test_misfit_tells_a_frontal_face_from_a_profile() -> None:
    profile = points()
    profile[[0, 3], 0] = profile[[1, 4], 0] - 4
    profile[2, 0] += 30
    assert misfit(points(turn=0.5)) < 0.001
    assert misfit(profile) > 0.1


def test_outside_is_the_share_of_the_crop_beyond_the_border() -> None:
    assert outside(points(200, 150), 400, 300, 1.0) == 0
    assert outside(points(0, 150), 400, 300, 1.0) == pytest.approx(0.5, abs=0.07)
    assert outside(points(-300, 150), 400, 300, 1.0) == 1
