"""Pseudo-fakes and degradations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import other, subject
from truefeed.stream.faces.align import face_px
from truefeed.train.data import landmark_template, landmarks
from truefeed.train.face.blend import Fake, make, masks
from truefeed.train.face.degrade import degrade
from truefeed.train.face.pairs import Pairs, PairSettings


def fakes(count: int) -> list[Fake]:
    """Every third one a swap."""
    donors = [other() if seed % 3 == 0 else None for seed in range(count)]
    return [make(subject(), donor, np.random.default_rng(seed)) for seed, donor in enumerate(donors)]


def test_the_mask_is_where_the_picture_changed() -> None:
    plain = subject().image.astype(int)
    seen = set()
    for fake in fakes(24):
        kind = fake.kind.split(":")[0]
        seen.add(kind)
        assert fake.mask.shape == plain.shape[:2]
        assert fake.mask.max() == 1
        assert fake.mask.min() == 0
        change = np.abs(fake.image.astype(int) - plain).max(2)
        if kind != "self":  # a self-blend may change the outside instead: the mask is one of the two layers
            assert change[fake.mask == 0].max() <= 4  # Poisson blending rounds
        assert change.max() > 4
    assert seen == {"self", "donor", "reenact"}


@pytest.mark.parametrize("region", masks.REGIONS)
def test_however_it_is_feathered_something_is_left(region: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        assert masks.soften(masks.hull(subject().mesh, region, 192, rng), rng).max() > 0.5


def test_chance_comes_from_the_generator_alone() -> None:
    for first, again in zip(fakes(6), fakes(6), strict=True):
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.mask, again.mask)
        assert first.kind == again.kind
    assert len({fake.image.tobytes() for fake in fakes(6)}) == 6


def test_without_a_donor_nobody_is_swapped() -> None:
    kinds = {make(subject(), None, np.random.default_rng(seed)).kind.split(":")[0] for seed in range(20)}
    assert kinds == {"self", "reenact"}


def test_genuine_and_fake_are_degraded_alike() -> None:
    image = subject().image
    for seed in range(25):
        left, right = degrade([image, image.copy()], np.random.default_rng(seed))
        assert left.shape == image.shape
        # x264 codes the two side by side: alike, but not to the last bit.
        gap = left.astype(int) - right
        assert np.abs(gap).mean() < 4
        assert abs(gap.mean()) < 0.5
    alone = [degrade([image], np.random.default_rng(seed))[0] for seed in range(3)]
    assert not np.array_equal(alone[0], alone[1])


def test_landmarks_lie_on_the_face() -> None:
    points = np.array([[70, 80], [118, 82], [95, 108], [76, 134], [114, 135]], np.float32)
    dense = landmark_template.landmarks(points)
    side = face_px(points)
    assert dense.shape == (468, 2)
    eyes, mouth = (dense[list(ids)].mean(0) for ids in ((*landmarks.LEFT_EYE, *landmarks.RIGHT_EYE), landmarks.LIPS))
    assert np.hypot(*(eyes - points[:2].mean(0))) < 0.06 * side
    assert np.hypot(*(mouth - points[3:].mean(0))) < 0.06 * side
    # Turned and magnified with the points, however they are.
    turn = np.array([[0.0, -2.0], [2.0, 0.0]], np.float32)
    np.testing.assert_allclose(landmark_template.landmarks(points @ turn.T + 5), dense @ turn.T + 5, atol=0.02 * side)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of two people."""
    people = [subject(), other()]
    (tmp_path / "crops").mkdir()
    files = [f"crops/{i}.png" for i in range(2)]
    for file, one in zip(files, people, strict=True):
        cv2.imwrite(str(tmp_path / file), one.image)
    np.savez(tmp_path / "faces.npz", files=files, identity=["a", "b"], mesh=np.stack([p.mesh for p in people]))
    return tmp_path


def test_a_pair_is_cut_alike_and_repeats_with_its_seed(folder: Path) -> None:
    settings = PairSettings(size=96)
    pairs = Pairs(folder, settings, seed=3)
    crops, masks = pairs.pair(np.random.default_rng(1))
    assert crops.shape == (2, 3, 96, 96)
    assert masks.shape == (2, 6, 6)
    assert crops.dtype == masks.dtype == np.float32
    assert -1.001 <= crops.min() < crops.max() <= 1.001
    assert masks[0].max() == 0
    assert 0 < masks[1].max() <= 1
    np.testing.assert_array_equal(crops, pairs.pair(np.random.default_rng(1))[0])
    # The same person in the same place: the two differ far less than two people do.
    gaps = [np.abs(a - b).mean() for a, b in (pairs.pair(np.random.default_rng(s))[0] for s in range(12))]
    assert np.median(gaps) < 0.15


def test_one_person_alone_can_be_trained_on(folder: Path) -> None:
    with np.load(folder / "faces.npz") as table:
        np.savez(folder / "one.npz", **{k: table[k][:1] for k in table.files})
    (folder / "one.npz").replace(folder / "faces.npz")
    pairs = Pairs(folder, PairSettings(size=64), seed=0)
    for seed in range(8):
        pairs.pair(np.random.default_rng(seed))
