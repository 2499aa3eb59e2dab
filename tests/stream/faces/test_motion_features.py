"""A face that trembles or flickers beside its head shows; the movement of the head itself does not."""

from __future__ import annotations

import cv2
import media
import numpy as np
import pytest
import torch
from truefeed.stream.faces.motion_features import COLUMNS, NAMES, Recent, absent, measure
from truefeed.stream.types import Floats, Image
from truefeed.train.face.motion_head import settle
from truefeed.train.face.networks import HeadSettings, WindowHead

# Eyes, nose tip and mouth corners of the portrait.
POINTS = np.array([[205, 112], [247, 110], [228, 135], [207, 155], [250, 154]], np.float32)


def frames(rng: np.random.Generator, *, tremble: float = 0.0, flicker: float = 0.0) -> list[Image]:
    """Draw three frames of a head that drifts; its face alone trembles by so many px and flickers by so many levels."""
    scene = media.portrait()
    mask = np.zeros(scene.shape[:2], np.float32)
    cv2.ellipse(mask, (228, 128), (38, 50), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (9, 9), 0)[..., None]
    out = []
    for index in range(3):
        face = _shifted(scene, rng.normal(0, tremble, 2)) + rng.normal(0, flicker, 3)
        whole = scene * (1 - soft) + face * soft
        drift = np.array([1.3, 0.6]) * (index - 2)
        noisy = _shifted(whole.astype(np.float32), drift) + rng.normal(0, 1.0, scene.shape)
        out.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return out


def _shifted(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def mean(seed: int = 1, **how: float) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(np.mean([measure(frames(rng, **how), POINTS) for _ in range(6)], 0), np.float32)


def beside(measures: Floats, measure: str, region: str, other: str = "ring") -> float:
    """Return how much more of a measure one region has than another."""
    return float(measures[NAMES.index(f"{measure} {region}")] - measures[NAMES.index(f"{measure} {other}")])


@pytest.mark.parametrize("region", ["nose", "middle", "brow"])
def test_a_face_that_trembles_or_flickers_beside_its_head_shows(region: str) -> None:
    plain, trembling, flickering = mean(), mean(tremble=1.5), mean(flicker=6.0)
    assert beside(trembling, "tremble", region) > beside(plain, "tremble", region) + 1
    assert beside(flickering, "flicker", region) > beside(plain, "flicker", region) + 1
    assert plain[-1] == trembling[-1] == 1
    assert plain.shape == (COLUMNS,)


def test_the_signs_tell_a_trembling_face_from_genuine_ones() -> None:
    genuine = np.stack([mean(seed) for seed in range(12)])[:, :-1]
    signs = settle(genuine, gain=[0.5])
    suspects = torch.from_numpy(np.stack([mean(99), mean(99, tremble=1.5)])[:, :-1])
    with torch.no_grad():
        plain, trembling = signs.far(suspects)[:, 0]
    assert abs(plain) < 3
    assert trembling == 4  # as far as a sign may lie
    assert bool((signs.scale > 0).all())


def test_only_three_frames_in_a_row_say_anything() -> None:
    recent, image = Recent(), np.zeros((8, 8, 3), np.uint8)
    for index in range(3):
        assert recent.images((index - 1) / 25) is None
        recent.push(index / 25, image)
    assert recent.images(2 / 25) is not None
    assert recent.images(3 / 25) is None  # of another moment
    recent.push(2 / 25 + 0.001, image)  # the same moment twice
    assert recent.images(2 / 25) is not None
    recent.push(0.5, image)  # a gap
    assert recent.images(0.5) is None
    recent.push(0.54, np.zeros((4, 4, 3), np.uint8))  # another size
    recent.push(0.58, np.zeros((4, 4, 3), np.uint8))
    assert recent.images(0.58) is None
    recent.push(0.62, np.zeros((4, 4, 3), np.uint8))
    assert recent.images(0.62) is not None
    recent.clear()
    assert recent.images(0.62) is None


@pytest.mark.parametrize(("measured", "share"), [(0, 0.0), (5, 0.5), (40, 1.0)])
def test_the_head_counts_motion_as_far_as_it_was_measured(measured: int, share: float) -> None:
    torch.manual_seed(1)
    head = WindowHead(HeadSettings(embedding=4, width=8, heads=2, rows=40, motion=COLUMNS, signs=(1,))).eval()
    head.signs.contrasts[0, 0] = 1
    rows = torch.randn(1, 40, 5)
    motion = torch.from_numpy(absent(40))[None]
    motion[:, 40 - measured :, -1] = 1
    motion[:, 40 - measured :, 0] = 2.0
    ages, mask = torch.zeros(1, 40), torch.ones(1, 40)
    with torch.no_grad():
        seen = head._seen(rows, ages, mask)
        both = head(torch.cat([rows[..., :-1], motion, rows[..., -1:]], 2), ages, mask)
    assert float(both - seen) == pytest.approx(2 * share, abs=1e-4)
