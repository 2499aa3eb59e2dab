"""An exported encoder becomes a checkpoint again, and may then look at each picture's own statistics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from truefeed.engines import Card
from truefeed.export.onnx import export
from truefeed.stream.errors import ConfigError
from truefeed.stream.types import Floats
from truefeed.train.face.efficientnet_lite import Norm
from truefeed.train.face.from_onnx import recover, restate
from truefeed.train.face.networks import EncoderSettings, FaceEncoder


def encoder() -> FaceEncoder:
    """With norms that are not those of a new network."""
    torch.manual_seed(3)
    model = FaceEncoder(EncoderSettings()).eval()
    for part in model.modules():
        if isinstance(part, Norm):
            torch.nn.init.normal_(part.running_mean, std=0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, std=0.1)
    return model


def pictures() -> Iterator[Floats]:
    rng = np.random.default_rng(0)
    for _ in range(2):
        yield rng.normal(0, 1, (3, 3, 64, 64)).astype(np.float32)


def test_what_was_exported_computes_the_same_when_it_is_read_back(tmp_path: Path) -> None:
    model, path = encoder(), tmp_path / "face.onnx"
    some = torch.from_numpy(next(pictures()))
    export(model, {"crops": some}, ["embedding", "map"], Card("face", "t", "1", input_size=(64, 64)), path)
    back = recover(path)
    assert restate(back, pictures()) == 6
    first = next(part for part in back.modules() if isinstance(part, Norm))
    assert not torch.equal(first.running_mean, torch.zeros_like(first.running_mean))
    with torch.no_grad():
        for want, got in zip(model(some), back(some), strict=True):
            torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-3)


def test_norms_with_statistics_of_a_picture_s_own_come_back_whole(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model, path = FaceEncoder(EncoderSettings(own=0.25)).eval(), tmp_path / "face.onnx"
    model.load_state_dict(encoder().state_dict())
    some = torch.from_numpy(next(pictures()))
    export(model, {"crops": some}, ["embedding", "map"], Card("face", "t", "1", input_size=(64, 64)), path)
    back = recover(path, 0.25)
    restate(back, pictures())
    with torch.no_grad():
        for want, got in zip(model(some), back(some), strict=True):
            torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-3)
    with pytest.raises(ConfigError, match="--own"):
        recover(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    card = Card("face", "t", "1")
    export(torch.nn.Linear(3, 2), {"x": torch.randn(2, 3)}, ["y"], card, path)
    with pytest.raises(ConfigError, match=r"other\.onnx: not a face encoder"):
        recover(path)


def test_a_norm_that_knows_the_picture_is_moved_less_by_what_happens_to_all_of_it() -> None:
    torch.manual_seed(0)
    norm = Norm(4).eval()
    picture = torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        plain = (norm(picture * 1.5 + 1) - norm(picture)).abs().mean()
        norm.own = 0.5
        knowing = (norm(picture * 1.5 + 1) - norm(picture)).abs().mean()
        assert knowing < 0.7 * plain
        norm.own = 1.0
        alone = norm(picture)
    assert float(alone[..., ::2, ::2].mean()) == pytest.approx(0, abs=1e-5)
    norm.train()
    assert torch.equal(norm(picture), torch.nn.BatchNorm2d(4)(picture))  # in training the batch's count
