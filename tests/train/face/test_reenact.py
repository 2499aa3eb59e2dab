"""Decoders that render faces anew, and pairs that are made ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from faces import write
from truefeed.train.face import pair_bank, reenact_targets, reenact_train, train_encoder
from truefeed.train.face.pair_bank import Bank
from truefeed.train.face.pairs import Pairs, PairSettings
from truefeed.train.face.reenact_bank import Renders
from truefeed.train.face.reenact_networks import Decoder, Renderer


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "faces")


@pytest.fixture(scope="module")
def renders(faces: Path) -> Path:
    out = faces.parent / "renders"
    words = ["--dataset", str(faces), "--out", str(out), "--decoder", "shuffle", "--width", "8", "--steps", "2"]
    assert reenact_train.main([*words, "--batch-size", "2", "--views", "3", "--workers", "1", "--random-looks"]) == 0
    return out


@pytest.fixture(scope="module")
def pairs(faces: Path, renders: Path) -> Path:
    out = faces.parent / "bank"
    words = ["--dataset", str(faces), "--renders", str(renders), "--out", str(out), "--pairs", "100"]
    assert pair_bank.main([*words, "--sizes", "64", "96", "--workers", "1"]) == 0
    return out


def test_expressions_and_other_people_are_asked_for(faces: Path, renders: Path) -> None:
    sheets = reenact_targets.read_sheets(faces, renders, 1, 1)
    assert sheets["pictures"].shape == (4, len(reenact_targets.SOURCES), reenact_targets.SIZE, reenact_targets.SIZE, 3)
    assert sheets["holes"].shape == (4, len(reenact_targets.REGIONS), reenact_targets.SIZE, reenact_targets.SIZE)
    itself, *others = sheets["pictures"][0].astype(int)
    mouth, *_, face = sheets["holes"][0]
    for asked in others:
        assert np.abs(asked - itself)[face > 0].mean() > 0.5
    assert (face > 0).mean() > (mouth > 0).mean() > 0.002
    assert set(np.unique(sheets["holes"])) == {0, 255}
    # The drawing moves with the picture, and the donor's face is laid over this one's outline.
    drawn = sheets["lines"][0].astype(int)
    assert np.abs(drawn[1] - drawn[0]).max() > 100
    np.testing.assert_array_equal(drawn[3], drawn[0])


def test_every_face_is_rendered(renders: Path) -> None:
    pictures, regions = np.load(renders / "shuffle.npy"), np.load(renders / "shuffle.npz")["region"]
    assert pictures.shape == (4, 3, reenact_targets.SIZE, reenact_targets.SIZE, 3)
    assert regions.shape == (4, 3)
    assert (pictures.std((2, 3, 4)) > 0).all()
    assert torch.load(renders / "shuffle.pt", weights_only=True)["decoder"] == "shuffle"
    with pytest.raises(FileNotFoundError, match=r"reenact_train first"):
        Renders(renders / "sheets")


@pytest.mark.parametrize("decoder", ["nearest", "transposed", "shuffle"])
def test_a_renderer_keeps_the_size_and_sees_nothing_through_the_hole(decoder: Decoder) -> None:
    torch.manual_seed(1)
    net = Renderer(decoder, 8).eval()
    picture, hole = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    hole[..., 20:40, 20:40] = 1
    seen, lines = reenact_train.coarse(picture, 4), torch.zeros(1, 1, 64, 64)
    with torch.no_grad():
        out = net(picture, seen, lines, hole)
        np.testing.assert_allclose(net(torch.where(hole > 0, 0.0, picture), seen, lines, hole), out)
    assert out.shape == picture.shape


def test_what_was_rendered_is_blended_in(faces: Path, renders: Path) -> None:
    source = Pairs(faces, PairSettings(size=96, rendered=1.0, degraded=False), 1, renders)
    rng = np.random.default_rng(3)
    for _ in range(6):
        real, fake, mask = source.pictures(rng)
        change = np.abs(real.astype(int) - fake).max(2)
        assert change[mask > 0.5].mean() > 2
        assert change[mask == 0].max() == 0


def test_a_bank_is_read_while_it_is_filled(pairs: Path) -> None:
    assert sorted(p.name for p in (pairs / "64").glob("*.npy")) == [
        "000000.mask.npy",
        "000000.npy",
        "000001.mask.npy",
        "000001.npy",
    ]
    crops, masks = next(iter(Bank([pairs], 96, 20, 1)))
    assert (crops.shape, crops.dtype) == ((20, 2, 3, 96, 96), torch.uint8)
    assert masks.shape == (20, 2, 6, 6)
    assert masks[:, 0].max() == 0  # the genuine ones
    assert masks[:, 1].flatten(1).amax(1).min() > 0
    # RGB: skin is redder than blue.
    assert crops[:, 0, 0].float().mean() > crops[:, 0, 2].float().mean()
    with pytest.raises(FileNotFoundError, match=r"pair_bank first"):
        Bank([pairs], 32, 4, 1)


def test_the_encoder_learns_from_a_bank(faces: Path, pairs: Path, tmp_path: Path) -> None:
    words = ["--dataset", str(faces), "--bank", str(pairs), "--out", str(tmp_path), "--size", "64", "--trunk", "lite2"]
    words += ["--batch-size", "8", "--workers", "0", "--threads", "1", "--epochs", "1000"]
    # Time ends it, whatever --epochs says, and what was learnt by then is kept.
    assert train_encoder.main([*words, "--minutes", "0.001"]) == 0
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 1
    assert state["settings"]["trunk"] == "lite2"
