"""Pairs made ahead, and the encoder that learns from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import write
from truefeed.train.face import pair_bank, train_encoder
from truefeed.train.face.pair_bank import Bank, chunks


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("faces") / "faces")


@pytest.fixture(scope="module")
def pairs(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bank")
    words = ["--dataset", str(faces), "--out", str(out), "--pairs", "64", "--sizes", "96", "--workers", "1"]
    assert pair_bank.main(words) == 0
    return out


def test_pairs_come_smaller_than_they_are_stored(pairs: Path) -> None:
    crops, masks = next(iter(Bank([pairs], 64, 20, 1, stored=96)))
    assert crops.shape == (20, 2, 3, 64, 64)
    assert masks.shape == (20, 2, 4, 4)
    assert masks[:, 1].flatten(1).amax(1).min() > 0
    (chunk,) = chunks(pairs / "96")
    small = [cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in np.load(chunk)[:, 0]]
    known = np.stack([p[..., ::-1].transpose(2, 0, 1) for p in small]).astype(int)
    for crop in crops.numpy()[:, 0]:  # each is one of those stored, perhaps mirrored
        assert min(np.abs(known - c).mean((1, 2, 3)).min() for c in (crop, crop[:, :, ::-1])) < 6


def test_a_batch_may_be_larger_than_what_few_chunks_hold(pairs: Path) -> None:
    assert next(iter(Bank([pairs], 96, 520, 1)))[0].shape[0] == 520


def test_a_bank_without_pairs_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train\.face\.pair_bank first"):
        Bank([tmp_path], 96, 4, 1)


def test_an_encoder_learns_from_a_bank(faces: Path, pairs: Path, tmp_path: Path) -> None:
    words = ["--dataset", str(faces), "--bank", str(pairs), "--bank-size", "96", "--out", str(tmp_path)]
    words += ["--size", "64", "--batch-size", "8", "--workers", "0", "--threads", "1", "--epochs", "1000"]
    assert train_encoder.main([*words, "--minutes", "0.001"]) == 0
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 1
