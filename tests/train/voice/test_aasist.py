"""AASIST: its parameters under their first names, its upper half taught, and both networks in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS, Card, load  # noqa: E402
from truefeed.export import voice as exporting  # noqa: E402
from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.stream.errors import ConfigError  # noqa: E402
from truefeed.train.voice import corpus, tune_aasist  # noqa: E402
from truefeed.train.voice.aasist import HIDDEN, Aasist, names, pretrained, read  # noqa: E402
from truefeed.train.voice.front import ROW  # noqa: E402
from truefeed.train.voice.score import moments  # noqa: E402
from voices import six_voices, voiced  # noqa: E402


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters from chance, under the names that the baseline's file has."""
    torch.manual_seed(0)
    model = Aasist()
    theirs = names(model)
    state = {theirs[ours]: value for ours, value in model.state_dict().items()}
    path = tmp_path_factory.mktemp("start") / "aasist.pth"
    torch.save(state | {"encoder.1.0.bn1.weight": torch.zeros(32)}, path)
    return path


def test_parameters_are_read_by_the_names_that_they_come_with(start: Path, tmp_path: Path) -> None:
    model = pretrained(start)
    again = names(model)
    assert again["branches.1.second.cross_weight"] == "HtrgGAT_layer_ST22.att_weight12"
    assert len(set(again.values())) == len(again)
    samples = torch.from_numpy(voiced(120, 1, 0))[None]
    with torch.no_grad():
        whole = model(samples)
        assert whole.shape == (1, HIDDEN)
        torch.testing.assert_close(model.upper(model.lower(samples, 5), 5), whole)
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth: not the parameters"):
        pretrained(tmp_path / "other.pth")


def test_only_the_upper_half_is_taught_and_the_export_is_proved(start: Path, tmp_path: Path) -> None:
    six_voices(tmp_path)
    for number in (0, 1, 3, 4):
        soundfile.write(tmp_path / f"{number}.flac", voiced(90 + 25 * number, 1.1, number), RATE)
    assert len(corpus.load(tmp_path)) == 4
    out = tmp_path / "aasist.pt"
    words = ["--dataset", str(tmp_path), "--start", str(start), "--cache", str(tmp_path / "cache"), "--out", str(out)]
    assert tune_aasist.main([*words, "--steps", "2", "--batch-size", "4"]) == 0
    before, (after, command) = pretrained(start), read(out)
    assert str(tmp_path) not in command
    moved = {name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])}
    assert "blocks.5.first.weight" in moved
    assert "branches.0.first.pair.weight" in moved
    assert not any(name.startswith(f"blocks.{i}.") for name in moved for i in range(5))
    ears = tmp_path / "ears.onnx"
    front = ["--front", str(WEIGHTS / "voice.onnx")]
    assert exporting.main([*front, "--aasist", str(out), "--out", str(ears)]) == 0
    found = moments(load(ears, "cpu"), voiced(120, 2, 3))
    assert found.shape == (2, ROW + 1)
    np.testing.assert_allclose(
        found[:, :ROW], moments(load(WEIGHTS / "voice.onnx", "cpu"), voiced(120, 2, 3)), atol=1e-3
    )


def test_an_export_that_differs_is_refused(start: Path, tmp_path: Path) -> None:
    card = Card("voice-front", "v", "0", (RATE, ROW + 1))
    with pytest.raises(exporting.ParityError, match="differs"):
        exporting.export(pretrained(start), WEIGHTS / "voice.onnx", card, tmp_path / "ears.onnx", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []
