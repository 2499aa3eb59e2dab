"""The voice model: copies, channels, the front end, and the files that ship."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS, load  # noqa: E402
from truefeed.stream.audio import level  # noqa: E402
from truefeed.train.common.metrics import auc  # noqa: E402
from truefeed.train.voice.channels import disturbed, lossy, through  # noqa: E402
from truefeed.train.voice.dataset import family, read  # noqa: E402
from truefeed.train.voice.front import Front, pretrained  # noqa: E402
from truefeed.train.voice.score import logit  # noqa: E402
from truefeed.train.voice.vocoder_copies import KINDS, copy  # noqa: E402
from voices import voiced  # noqa: E402

DATA = Path(os.environ.get("TRUEFEED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "voice"
CODECS = [("libopus", 16000), ("libmp3lame", 32000), ("aac", 32000), ("pcm_mulaw", 64000), ("g722", 64000)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_copy_is_as_long_as_the_original_and_not_the_same(kind: str) -> None:
    if kind == "world":
        pytest.importorskip("pyworld")
    original = voiced(120, 1.5, 0)
    made = copy(original, kind, np.random.default_rng(1))
    again = copy(original, kind, np.random.default_rng(1))
    assert made.shape == original.shape
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made, again)
    assert np.abs(level(made) - original).max() > 1e-3


@pytest.mark.parametrize(("codec", "bits"), CODECS)
def test_a_codec_changes_neither_length_nor_loudness(codec: str, bits: int) -> None:
    original = voiced(110, 2, 3)
    out = through(original, codec, bits)
    assert out.shape == original.shape
    assert 0.5 < np.std(out) / np.std(original) < 1.5
    assert np.abs(out - original).max() > 1e-5


def test_lost_packets_are_concealed_and_the_rest_untouched() -> None:
    original = voiced(110, 2, 3)
    out = lossy(original, 0.1, np.random.default_rng(0))
    changed = (out != original).reshape(-1, 320).any(1)
    assert 0 < changed.mean() < 0.4
    np.testing.assert_array_equal(lossy(original, 0.0, np.random.default_rng(0)), original)


def test_the_same_seed_is_the_same_channel() -> None:
    original = voiced(110, 2, 3)
    for seed in range(20):
        one, two = (disturbed(original, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one, two)
        assert one.shape == original.shape
        assert np.isfinite(one).all()


@pytest.mark.parametrize(
    ("generator", "source", "expected"),
    [
        ("real_meeting", "pyannote_meeting", "real"),
        ("hifigan_int8", "gen_copysyn_rav", "hifigan"),
        ("world_warp", "gen_copysyn_tc100", "world"),
        ("flite_awb", "gen_classic", "classic"),
        ("tts_tacotron2_hifigan", "vits_demo", "vits"),
    ],
)
def test_generators_are_grouped_by_how_they_make_a_waveform(generator: str, source: str, expected: str) -> None:
    assert family(generator, source) == expected


def test_the_encoder_does_not_hear_loudness() -> None:
    encoder = Front().encoder.eval()
    samples = torch.from_numpy(voiced(130, 1, 1))[None]
    with torch.no_grad():
        torch.testing.assert_close(encoder(samples), encoder(0.25 * samples), atol=1e-3, rtol=1e-3)


def test_weights_that_are_not_those_of_the_release_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"distillmos 0\.9\.1"):
        pretrained(tmp_path / "other.pt")


@pytest.mark.skipif(not (WEIGHTS / "voice.onnx").exists(), reason="no voice model is shipped")
def test_the_shipped_model_is_small_and_says_what_it_is() -> None:
    path = WEIGHTS / "voice.onnx"
    assert path.stat().st_size < 15e6
    card = load(path, "cpu").card
    assert card is not None
    assert card.task == "voice"
    assert card.thresholds["real"] < card.thresholds["fake"] <= card.thresholds["alert"]
    assert card.calibration[0] > 0
    assert card.training["data"]


@pytest.mark.skipif(not (WEIGHTS / "voice.onnx").exists(), reason="no voice model is shipped")
@pytest.mark.skipif(not (DATA / "manifest.csv").exists(), reason="needs the voice data")
def test_the_shipped_model_tells_copies_from_the_voices_they_copy() -> None:
    engine = load(WEIGHTS / "voice.onnx", "cpu")
    with (DATA / "manifest.csv").open() as file:
        rows = [line for line in csv.DictReader(file) if line["split"] == "dev"][::3]
    logits = [logit(engine, read(DATA / line["path"])) for line in rows]
    labels = np.array([int(line["label"] == "spoof") for line in rows])
    assert auc(labels, np.array(logits)) > 0.7
