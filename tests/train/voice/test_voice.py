"""The voice model: copies, channels, training, export, and the file that ships."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS, Card, load  # noqa: E402
from truefeed.export import voice as exporting  # noqa: E402
from truefeed.export import voice_front as exporting_front  # noqa: E402
from truefeed.export import voice_start  # noqa: E402
from truefeed.stream.audio import RATE, level  # noqa: E402
from truefeed.stream.errors import TruefeedError  # noqa: E402
from truefeed.train.common.metrics import auc  # noqa: E402
from truefeed.train.voice import features, train  # noqa: E402
from truefeed.train.voice.channels import disturbed, lossy, through  # noqa: E402
from truefeed.train.voice.dataset import VERSIONS, Clip, family, read  # noqa: E402
from truefeed.train.voice.front import ROW, Front, pretrained  # noqa: E402
from truefeed.train.voice.perceptrons import VoiceNet, VoiceSettings  # noqa: E402
from truefeed.train.voice.score import logit, seconds, window_row  # noqa: E402
from truefeed.train.voice.score import read as read_net  # noqa: E402
from truefeed.train.voice.tables import Answers, cell, min_dcf  # noqa: E402
from truefeed.train.voice.vocoder_copies import KINDS, copy  # noqa: E402
from voices import six_voices, voiced  # noqa: E402

DATA = Path(os.environ.get("TRUEFEED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "voice"
CODECS = [("libopus", 16000), ("libmp3lame", 32000), ("aac", 32000), ("pcm_mulaw", 64000), ("g722", 64000)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return six_voices(tmp_path_factory.mktemp("voices"))


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


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A front end as the trainings read it, of random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("front") / "front.onnx"
    windows = [voiced(90 + 20 * number, 1, number) for number in range(6)]
    assert exporting_front.export(Front().eval(), windows, Card("voice-front", "none", "0"), path) > 0.96
    return path


def test_a_window_is_heard_second_by_second(front: Path) -> None:
    engine, samples = load(front, "cpu"), voiced(130, 3.3, 1)
    for count, pieces in ((8000, 1), (15999, 1), (16000, 1), (47999, 2), (52800, 3)):
        assert len(seconds(samples[:count])) == pieces
        found = window_row(engine, samples[:count])
        assert found.shape == (ROW,)
        assert np.isfinite(found).all()
    with pytest.raises(ValueError, match="7999 samples"):
        seconds(samples[:7999])


def test_other_clips_have_rows_of_their_own(front: Path, tmp_path: Path) -> None:
    samples = np.stack([np.int16(voiced(120, 1.2, 1) * 32767)] * VERSIONS)
    clips = [Clip(samples, False, "real", "real", "own", name, "train", f"{name}.flac") for name in ("a", "b")]
    engine = load(front, "cpu")
    for some in (clips[:1], clips, clips[:1]):
        rows = features.load(some, engine, tmp_path, None)
        assert set(rows.clip.tolist()) == set(range(len(some)))
    assert len(list(tmp_path.iterdir())) == 2


def test_an_exported_front_end_can_be_trained_on(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net, path = Front().eval(), tmp_path / "front.onnx"
    for value in net.encoder.state_dict().values():
        if value.is_floating_point():
            value += 0.01 * (torch.rand_like(value) - 0.5)  # as trained: the exporter writes equal tensors once
    exporting_front.export(net, [voiced(90 + 20 * n, 1, n) for n in range(6)], Card("voice-front", "none", "0"), path)
    assert voice_start.main(["--model", str(path), "--out", str(tmp_path / "start.pt")]) == 0
    state = torch.load(tmp_path / "start.pt", weights_only=True)["model"]
    for name, value in net.state_dict().items():
        torch.testing.assert_close(state[name].float(), value.float(), atol=0.03 * float(value.abs().max()), rtol=0)


def test_the_encoder_does_not_hear_loudness() -> None:
    encoder = Front().encoder.eval()
    samples = torch.from_numpy(voiced(130, 1, 1))[None]
    with torch.no_grad():
        torch.testing.assert_close(encoder(samples), encoder(0.25 * samples), atol=1e-3, rtol=1e-3)


def test_weights_that_are_not_those_of_the_release_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"distillmos 0\.9\.1"):
        pretrained(tmp_path / "other.pt")


def test_training_goes_on_where_it_stopped_and_the_export_is_proved(dataset: Path, front: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyworld")
    words = ["--dataset", str(dataset), "--out", str(tmp_path / "run"), "--seed", "3", "--batch-size", "8"]
    words += ["--front", str(front)]
    assert train.main([*words, "--epochs", "1"]) == 0
    assert train.main([*words, "--epochs", "2", "--resume"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert all(np.isfinite(line["loss"]) for line in lines)
    path, checkpoint = tmp_path / "voice.onnx", tmp_path / "run" / "last.pt"
    assert exporting.main(["--checkpoint", str(checkpoint), "--front", str(front), "--out", str(path)]) == 0
    engine = load(path, "cpu")
    assert engine.card is not None
    assert engine.card.task == "voice"
    assert engine.card.input_size == (RATE, ROW)
    assert "distillmos 0.9.1" in engine.card.training["started_from"]
    assert str(tmp_path) not in engine.card.to_json()
    net, _ = read_net(checkpoint)
    samples = np.concatenate([read(dataset / "0.flac")] * 2)
    with torch.no_grad():
        plain = net(torch.from_numpy(window_row(load(front, "cpu"), samples)[None])).numpy()
    assert len(seconds(samples)) == 3
    # No results were given, so both answers are as likely at 0; three seconds weigh as 3/5 beside the 2/4 of two.
    np.testing.assert_allclose(logit(engine, samples), plain[0] * 6 / 5, atol=1e-3)
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another")
    with pytest.raises(TruefeedError, match=r"other\.onnx"):
        exporting.main(["--checkpoint", str(checkpoint), "--front", str(other), "--out", str(path)])


def test_an_export_that_differs_is_refused(front: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    net = VoiceNet(VoiceSettings(size=ROW)).eval()
    with pytest.raises(exporting.ParityError, match="differs"):
        exporting.export(net, front, Card("voice", "none", "0"), tmp_path / "voice.onnx")
    assert not list(tmp_path.iterdir())


def test_the_cost_of_errors_is_that_of_the_better_constant_answer_at_worst() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    assert min_dcf(labels, np.array([0.0, 1, 2, 3, 4])) == 0.0
    assert min_dcf(labels, np.array([4.0, 3, 2, 1, 0])) == 1.0
    clips = [
        Clip(np.zeros((3, 9), np.int16), bool(y), "g", "g" if y else "real", "s", str(y), "dev", "") for y in labels
    ]
    assert cell(Answers(np.array([0.0, 1, 2, 3, 4]), clips))[0] == 1.0


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TruefeedError, match=r"manifest\.csv"):
        train.main(["--dataset", str(tmp_path), "--out", str(tmp_path / "run"), "--front", str(tmp_path / "no.onnx")])


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
    assert auc(labels, np.array(logits)) > 0.75
