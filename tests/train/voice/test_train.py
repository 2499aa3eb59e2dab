"""Training on a folder of one's own, from sound files to a model that `--voice-model` takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")

from truefeed.engines import WEIGHTS, Card, load  # noqa: E402
from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.stream.cli import main as truefeed  # noqa: E402
from truefeed.stream.errors import ConfigError, TruefeedError  # noqa: E402
from truefeed.stream.scoring.models import voice_file  # noqa: E402
from truefeed.train.voice import assemble, corpus, train  # noqa: E402
from truefeed.train.voice.alarms import judged, outcome, soon  # noqa: E402
from truefeed.train.voice.dataset import Clip  # noqa: E402
from truefeed.train.voice.features import CLEAN, hear, windows  # noqa: E402
from truefeed.train.voice.front import ROW  # noqa: E402
from truefeed.train.voice.live import raised  # noqa: E402
from truefeed.train.voice.pages import folds  # noqa: E402
from truefeed.train.voice.readout import Readout, fit, shares  # noqa: E402
from truefeed.train.voice.score import even_at, logit, moments, row, seconds, weighed  # noqa: E402
from truefeed.train.voice.tables import Answers, calibrate, cell, within  # noqa: E402
from voices import voiced  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers, and four generators whose voices are hoarse; one file too short, one that is no sound."""
    root = tmp_path_factory.mktemp("speech")
    for number in range(4):
        for label, name in (("genuine", f"speaker{number}"), ("spoof", f"generator{number}")):
            below = root / label / name
            below.mkdir(parents=True)
            speech = voiced(90 + 20 * number, 3.4, number)
            if label == "spoof":
                speech = speech + np.random.default_rng(number).normal(0, 0.01, len(speech)).astype(np.float32)
            soundfile.write(below / "one.wav", speech, RATE)
    soundfile.write(root / "genuine" / "speaker0" / "short.flac", voiced(90, 0.4, 0), RATE)
    (root / "spoof" / "notes.txt").write_text("no sound")
    return root


def test_a_folder_becomes_a_model_that_hears(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "voice", "--dataset", str(folder), "--start", "fast", "--epochs", "20"]
    assert truefeed([*words, "--out", str(tmp_path), "--ask", "mu-law"]) == 0
    told = capsys.readouterr()
    assert "2 s, as it comes" in told.out
    assert "left" in told.err
    assert "--voice-model" in told.err
    path = tmp_path / "voice.onnx"
    card = load(path, "cpu").card
    assert card is not None
    assert card.task == "voice"
    assert card.training["data"] == [f"{folder.name}: 5 bonafide files", f"{folder.name}: 4 spoof files"]
    assert str(folder.parent) not in card.to_json()
    results = json.loads((tmp_path / "voice.json").read_text())
    assert results["left_out"]["2 s, mu-law"]["spoof"] == 4
    assert results["live"]["spoof"]["generators"] == 4
    again = tmp_path / "again"
    assert train.main(["--dataset", str(folder), "--start", str(path), "--clean", "--out", str(again)]) == 0
    assert logit(load(again / "voice.onnx", "cpu"), voiced(120, 2, 9)) != logit(load(path, "cpu"), voiced(120, 2, 9))
    capsys.readouterr()
    heard = folder / "spoof" / "generator1" / "one.wav"
    assert truefeed(["scan", "--json", "--voice-model", str(path), str(heard)]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["voice_probability"] is not None
    assert line["model"]["sha256"] == load(path, "cpu").sha256


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="genuine and spoof speech"):
        corpus.load(tmp_path)
    with pytest.raises(ConfigError, match="--voice-model quick: neither fast nor accurate"):
        voice_file("quick")
    (tmp_path / "genuine").mkdir()
    (tmp_path / "genuine" / "bad.wav").write_bytes(b"no sound at all")
    with pytest.raises(TruefeedError, match=r"bad\.wav"):
        corpus.load(tmp_path)


def test_nobody_is_on_both_sides_of_a_fold(folder: Path) -> None:
    clips = corpus.load(folder)
    assert sum(clip.fake for clip in clips) == 4
    assert len(clips) == 8  # what is too short is no clip
    for kept, out in folds(clips):
        assert {clips[i].fake for i in kept} == {False, True}
        assert not {clips[i].speaker for i in kept if not clips[i].fake} & {clips[i].speaker for i in out}
        assert not {clips[i].generator for i in kept if clips[i].fake} & {clips[i].generator for i in out}
    assert sorted(i for _, out in folds(clips) for i in out) == list(range(8))


def test_what_was_heard_is_kept(folder: Path, tmp_path: Path) -> None:
    clips = corpus.load(folder)[:2]
    engine = load(WEIGHTS / "voice.onnx", "cpu")
    first, again = (hear(clips, engine, CLEAN, tmp_path) for _ in range(2))
    assert len(list(tmp_path.iterdir())) == 1
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    index, rows = windows(first, 2)
    assert index.tolist() == [0, 1]
    np.testing.assert_allclose(rows[0], row(moments(engine, clips[0].version(0))[:2].mean(0, keepdims=True))[0])
    with pytest.raises(ValueError, match="15999 samples"):
        seconds(np.zeros(15999, np.float32))


def _clips(count: int) -> list[Clip]:
    return [
        Clip(np.zeros((1, 9), np.int16), bool(i % 2), "g", "f" if i % 2 else "real", "page", str(i), "train", str(i))
        for i in range(count)
    ]


def test_a_readout_finds_what_differs_and_the_file_computes_the_same(tmp_path: Path) -> None:
    clips, random = _clips(40), np.random.default_rng(0)
    labels = np.array([clip.fake for clip in clips])
    rows = random.normal(0, 1, (40, ROW)).astype(np.float32)
    rows[:, 7] += 3 * labels
    found = fit(rows, clips)
    assert int(np.abs(found.weight).argmax()) == 7
    assert abs(shares(clips).sum() - 1) < 1e-9
    answers = Answers(found.logits(rows), clips)
    assert cell(answers)[0] == 1.0
    assert within(answers) == {"page": 1.0}
    calibration, levels = calibrate(answers)
    assert calibration[0] > 0
    assert levels["clear"] < levels["fake"] < levels["alert"]
    front = assemble.front_of(WEIGHTS / "voice.onnx")
    card = Card("voice", "v", "0", (RATE, ROW), calibration=calibration)
    assert assemble.assemble(front, found, card, tmp_path / "voice.onnx") < 1e-3
    speech, engine = voiced(120, 3, 1), load(tmp_path / "voice.onnx", "cpu")
    plain = found.logits(row(moments(engine, speech).mean(0, keepdims=True)))
    assert logit(engine, speech) == pytest.approx(float(weighed(plain, 3, even_at(calibration))[0]), abs=1e-3)


def test_a_file_that_differs_is_refused(tmp_path: Path) -> None:
    plain = Readout(np.zeros(ROW, np.float32), np.ones(ROW, np.float32), np.zeros(ROW, np.float32), 0.0)
    front, card = assemble.front_of(WEIGHTS / "voice.onnx"), Card("voice", "v", "0", (RATE, ROW))
    with pytest.raises(assemble.ParityError, match="differs"):
        assemble.assemble(front, plain, card, tmp_path / "voice.onnx", tolerance=-1.0)
    assert not list(tmp_path.iterdir())


def test_alerts_are_counted_second_by_second() -> None:
    weight = np.zeros(ROW, np.float32)
    weight[0] = 1.0
    readout = Readout(np.zeros(ROW, np.float32), np.ones(ROW, np.float32), weight, 0.0)
    levels = {"fake": 0.8, "real": 0.2, "alert": 0.9, "clear": 0.7}
    loud = np.zeros((12, ROW), np.float32)
    loud[:, 0] = 4.0
    found = {}
    for name, speech in (("spoof a", loud), ("spoof b", -loud), ("genuine c", -loud)):
        said = judged(speech, readout, (1.0, 0.0), levels)
        found[name] = outcome(name, [(said, 12.0, raised(said, levels["alert"], levels["clear"]))])
    assert found["spoof a"]["alerts"] == 1
    assert found["genuine c"]["alerts"] == 0
    assert soon(found) == {"generators": 2, "alert": 0.5, "soon": 0.5}
