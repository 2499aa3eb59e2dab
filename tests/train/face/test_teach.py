"""Pairs made ahead, what a teacher says of them, and the encoder that learns it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import write
from models import write_models
from truefeed.engines import load
from truefeed.stream.errors import ConfigError
from truefeed.train.face import pair_bank, teach, train_encoder
from truefeed.train.face.pair_bank import Bank, chunks, taught
from truefeed.train.face.pairs import normalise


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("faces") / "faces")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("teacher"), size=96)


@pytest.fixture(scope="module")
def pairs(faces: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bank")
    assert (
        pair_bank.main(["--dataset", str(faces), "--out", str(out), "--pairs", "64", "--sizes", "96", "--workers", "1"])
        == 0
    )
    assert teach.main(["--bank", str(out), "--model", str(teacher)]) == 0
    return out


def test_a_teacher_answers_for_each_picture(pairs: Path, teacher: Path) -> None:
    (chunk,) = chunks(pairs / "96")
    answers, pictures = np.load(taught(chunk)), np.load(chunk)
    assert answers.shape == (64, 2)
    found = load(teacher, "cpu").run({"crops": normalise(pictures[5])})["embedding"][:, -1]
    np.testing.assert_allclose(answers[5], found, atol=1e-4)


def test_what_was_taught_is_not_asked_again(pairs: Path, teacher: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert teach.main(["--bank", str(pairs), "--model", str(teacher)]) == 0
    assert " 0 chunks taught" in capsys.readouterr().err


def test_a_teacher_needs_pairs_of_its_size(tmp_path: Path, teacher: Path) -> None:
    with pytest.raises(ConfigError, match=r"no pairs of 96 px; run python -m truefeed\.train\.bank --sizes 96"):
        teach.main(["--bank", str(tmp_path), "--model", str(teacher)])


def test_pairs_come_smaller_than_they_are_stored(pairs: Path) -> None:
    crops, masks, answers = next(iter(Bank([pairs], 64, 20, 1, stored=96, taught=True)))
    assert crops.shape == (20, 2, 3, 64, 64)
    assert masks.shape == (20, 2, 4, 4)
    assert masks[:, 1].flatten(1).amax(1).min() > 0
    assert answers.shape == (20, 2)
    (chunk,) = chunks(pairs / "96")
    stored, told = np.load(chunk), np.load(taught(chunk))
    for crop, answer in zip(crops.numpy(), answers.numpy(), strict=True):
        row = int(np.flatnonzero((told == answer).all(1))[0])  # what is said of a pair stays with it
        small = cv2.resize(stored[row, 0], (64, 64), interpolation=cv2.INTER_AREA)[..., ::-1].transpose(2, 0, 1)
        gap = min(np.abs(small.astype(int) - c).mean() for c in (crop[0], crop[0, :, :, ::-1]))
        assert gap < 6


def test_a_batch_may_be_larger_than_what_few_chunks_hold(pairs: Path) -> None:
    assert next(iter(Bank([pairs], 96, 520, 1)))[0].shape[0] == 520


def test_only_a_bank_is_taught(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_encoder.main(["--dataset", str(faces), "--out", str(tmp_path), "--taught"])
    assert "--taught needs --bank" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match=r"train\.teach first"):
        Bank([tmp_path], 96, 4, 1, taught=True)


def test_an_encoder_learns_from_a_teacher(faces: Path, pairs: Path, tmp_path: Path) -> None:
    words = ["--dataset", str(faces), "--bank", str(pairs), "--bank-size", "96", "--taught", "--out", str(tmp_path)]
    words += ["--size", "64", "--batch-size", "8", "--workers", "0", "--threads", "1", "--epochs", "1000"]
    assert train_encoder.main([*words, "--minutes", "0.001"]) == 0
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 1


def test_a_doubting_teacher_weighs_more_than_a_label() -> None:
    class Sure(torch.nn.Module):
        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.full((len(crops), 2), 3.0), torch.zeros(len(crops), 2, 2)

    masks = torch.zeros(2, 2, 2)
    masks[1] = 1
    crops = torch.zeros(2, 3, 32, 32)
    agrees, doubts = (train_encoder._loss(Sure(), crops, masks, torch.tensor([3.0, t])) for t in (3.0, -1.0))
    assert doubts > agrees + 1.5
