"""Export to ONNX with the card inside, and the gate that proves it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from truefeed.engines import WEIGHTS, Card, load
from truefeed.export.onnx import ParityError, check, export, sha256
from truefeed.train.common.card_file import restamp
from truefeed.train.face import networks
from truefeed.train.face.networks import HeadSettings, WindowHead

CARD = Card("face-window", "test", "1", input_size=(6, 5), window=2.0, rate=3.0, calibration=(2.0, -1.0))


def inputs(batch: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    ages = torch.arange(5, -1, -1).float().repeat(batch, 1) / 3
    return {"rows": torch.randn(batch, 6, 5, generator=generator), "ages": ages, "mask": torch.ones(batch, 6)}


def head() -> WindowHead:
    torch.manual_seed(0)
    model = WindowHead(HeadSettings(embedding=4, width=8, heads=2, rows=6)).eval()
    torch.nn.init.normal_(model.leave.weight)
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "head.onnx"
    result = export(head(), inputs(), ["logit"], CARD, path)
    assert 0 <= result.mean <= result.worst < 1e-4
    return path


def test_the_file_says_what_it_is_and_runs_at_any_batch(exported: Path) -> None:
    engine = load(exported, "cpu")
    assert engine.card == CARD
    for batch in (1, 2, 7):
        some = inputs(batch)
        with torch.no_grad():
            want = head()(*some.values()).numpy()
        given = {name: np.asarray(value.numpy(), np.float32) for name, value in some.items()}
        np.testing.assert_allclose(engine.run(given)["logit"], want, atol=1e-4)
    assert [p.name for p in exported.parent.iterdir()] == ["head.onnx"]


def test_the_file_does_not_tell_where_it_was_made(exported: Path) -> None:
    held = exported.read_bytes()
    assert b"stack_trace" not in held
    assert str(Path(networks.__file__).parent).encode() not in held
    for shipped in WEIGHTS.glob("*.onnx"):
        assert b"stack_trace" not in shipped.read_bytes(), shipped.name


def test_a_file_that_computes_something_else_fails_and_is_gone(tmp_path: Path) -> None:
    class Fickle(torch.nn.Module):
        """What is traced is not what runs."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum(1) + (0.0 if torch.compiler.is_exporting() else 0.1)

    path = tmp_path / "fickle.onnx"
    with pytest.raises(ParityError, match=r"differs from the network by 1\.0"):
        export(Fickle().eval(), {"x": torch.randn(2, 3)}, ["sum"], Card("face", "x", "1"), path)
    assert list(tmp_path.iterdir()) == []


def test_the_check_sees_other_weights(exported: Path) -> None:
    torch.manual_seed(5)
    other = WindowHead(HeadSettings(embedding=4, width=8, heads=2, rows=6)).eval()
    with pytest.raises(ParityError, match=r"head\.onnx: differs"):
        check(other, inputs(), ["logit"], exported, 1e-3)


def test_a_new_card_leaves_the_weights(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.onnx"
    path.write_bytes(exported.read_bytes())
    card = Card("face-window", "test", "2", input_size=(6, 5), thresholds={"fake": 0.9})
    restamp(path, card)
    assert sha256(path) != sha256(exported)
    assert load(path, "cpu").card == card
    given = {name: np.asarray(value.numpy(), np.float32) for name, value in inputs().items()}
    np.testing.assert_array_equal(load(path, "cpu").run(given)["logit"], load(exported, "cpu").run(given)["logit"])
