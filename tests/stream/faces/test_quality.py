from __future__ import annotations

import cv2
import numpy as np
import pytest
from media import portrait
from truefeed.stream.faces import CenterFace
from truefeed.stream.faces.align import crop
from truefeed.stream.faces.quality import REASONS, Limits, Quality, judge, measure, reasons, sharpness
from truefeed.stream.types import Face, Image

GOOD = Quality(face_px=120, sharpness=0.6, misfit=0.03, outside=0.0, score=0.9, bits=1.0)


@pytest.fixture(scope="module")
def face() -> Face:
    (found,) = CenterFace(long_side=512).detect(portrait())
    return found


def sized(face: Face, factor: float) -> tuple[Image, Face]:
    image = np.asarray(cv2.resize(portrait(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    return image, Face(face.box * np.float32(factor), face.points * np.float32(factor), face.score)


def test_a_good_face_has_no_reason(face: Face) -> None:
    image, large = sized(face, 1.0)
    quality = measure(image, large, crop(image, large.points, 224, 1.05), 1.05, bitrate_kbps=800)
    assert 90 < quality.face_px < 160
    assert quality.bits == pytest.approx(800_000 / 512**2)
    assert reasons(quality, Limits()) == ()


@pytest.mark.parametrize("factor", [1.5, 1.0, 0.7, 0.5])
def test_sharpness_tells_blur_at_any_size_of_face(face: Face, factor: float) -> None:
    image, scaled = sized(face, factor)
    quality = measure(image, scaled, crop(image, scaled.points, 224, 1.05), 1.05)
    assert quality.sharpness > Limits().min_sharpness * 1.2
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.03 * quality.face_px), np.uint8)
    assert sharpness(crop(soft, scaled.points, 224, 1.05), quality.face_px) < Limits().min_sharpness


def test_sharpness_hardly_depends_on_contrast(face: Face) -> None:
    cut = crop(portrait(), face.points, 224, 1.05)
    flat = np.asarray(cut * 0.4 + 60, np.uint8)
    assert sharpness(flat, 120) == pytest.approx(sharpness(cut, 120), rel=0.1)
    assert sharpness(np.full((224, 224, 3), 90, np.uint8), 120) == 0


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (Quality(30, 0.6, 0.03, 0.0, 0.9), "face-too-small"),
        (Quality(120, 0.1, 0.03, 0.0, 0.9), "blurred"),
        (Quality(120, 0.6, 0.03, 0.0, 0.9, bits=0.05), "low-bitrate"),
        (Quality(120, 0.6, 0.03, 0.0, 0.9, bits=1.0, loss=0.08), "packet-loss"),
        (Quality(120, 0.6, 0.03, 0.0, 0.3), "occluded"),
        (Quality(120, 0.6, 0.20, 0.0, 0.9), "occluded"),
        (Quality(120, 0.6, 0.03, 0.4, 0.9), "occluded"),
    ],
)
def test_each_limit_has_its_reason(quality: Quality, reason: str) -> None:
    assert reasons(quality, Limits()) == (reason,)
    assert reason in REASONS


def test_an_unknown_bitrate_is_no_reason() -> None:
    assert reasons(Quality(120, 0.6, 0.03, 0.0, 0.9, bits=None), Limits()) == ()


def test_the_card_sets_limits_and_unknown_keys_are_left() -> None:
    limits = Limits.of({"min_face_px": 130, "something": 5})
    assert limits.min_sharpness == Limits().min_sharpness
    assert reasons(GOOD, limits) == ("face-too-small",)


def test_a_face_half_outside_the_picture_is_occluded(face: Face) -> None:
    image = np.ascontiguousarray(portrait()[:, 220:])
    half = Face(face.box - np.array([220, 0, 220, 0], np.float32), face.points - np.array([220, 0], np.float32), 0.9)
    assert "occluded" in reasons(measure(image, half, crop(image, half.points, 224, 1.05), 1.05), Limits())


@pytest.mark.parametrize(
    ("fake", "why", "expected"),
    [
        (0.9, (), ("fake", ())),
        (0.8, (), ("fake", ())),
        (0.3, (), ("real", ())),
        (0.5, (), ("uncertain", ("borderline",))),
        (0.99, ("blurred",), ("uncertain", ("blurred",))),
        (None, (), ("uncertain", ("too-short",))),
    ],
)
def test_judge(fake: float | None, why: tuple[str, ...], expected: tuple[str, tuple[str, ...]]) -> None:
    assert judge(fake, why, 0.8, 0.3) == expected
