"""The export of face models: of one encoder, and of several that are asked as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import write_encoder, write_head
from faces import write
from truefeed.export import face
from truefeed.stream.scoring.models import Models, card_of
from truefeed.train.face.checkpoints import read_encoder
from truefeed.train.face.encoder_mean import EncoderMean
from truefeed.train.face.networks import EncoderSettings, FaceEncoder


def test_several_encoders_become_one_that_says_what_it_is_made_of(tmp_path: Path) -> None:
    files = [write_encoder(tmp_path / f"{seed}.pt", seed) for seed in (1, 2)]
    words = ["--encoder", *map(str, files), "--size", "64", "96", "--weight", "1", "0.5", "--half", "--name", "both"]
    words += ["--faces", str(write(tmp_path / "faces")), "--head", str(write_head(tmp_path / "head.pt"))]
    assert face.main([*words, "--out", str(tmp_path / "out")]) == 0
    models = Models.load("cpu", face_model=tmp_path / "out" / "both.onnx")
    card = card_of(models.face)
    assert (card.name, card.input_size) == ("truefeed-both", (96, 96))
    told = [(part["size"], part["weight"], part["command"]) for part in card.training["mean_of"]]
    assert told == [(64, 1.0, {"seed": 1}), (96, 0.5, {"seed": 2})]
    crops = torch.randn(3, 3, 96, 96)
    small = torch.nn.functional.interpolate(crops, (64, 64), mode="bilinear")
    with torch.no_grad():
        each = [read_encoder(file)(some)[0] for file, some in zip(files, (small, crops), strict=True)]
    found = models.face.run({"crops": crops.numpy()})
    logit = (each[0][:, -1] + 0.5 * each[1][:, -1]) / 2
    np.testing.assert_allclose(found["embedding"][:, -1], logit.numpy(), atol=0.02)
    np.testing.assert_allclose(found["embedding"][:, :-1], each[0][:, :-1].numpy(), atol=0.02)
    assert found["map"].shape == (3, 6, 6)


def test_the_maps_are_laid_over_each_other_as_the_logits_are() -> None:
    torch.manual_seed(0)
    one = FaceEncoder(EncoderSettings(embedding=4)).eval()
    crops = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        alone, twice = one(crops), EncoderMean([one, one], [64, 64], [1.0, 1.0])(crops)
        half = EncoderMean([one, one], [64, 64], [1.0, 0.0])(crops)
    for want, got in zip(alone, twice, strict=True):
        torch.testing.assert_close(got, want)
    torch.testing.assert_close(half[1], alone[1] / 2)


def test_each_encoder_needs_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--encoder", "a.pt", "b.pt", "--size", "64", "--faces", str(tmp_path), "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        face.main(words)
    assert "one value for each encoder" in capsys.readouterr().err
    words = ["--encoder", "a.pt", "--size", "64", "--weight", "2", "--faces", str(tmp_path), "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        face.main(words)
    assert "--weight is for several encoders" in capsys.readouterr().err
