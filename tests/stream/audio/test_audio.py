"""Resampling, voice activity, trimming, reasons and the sliding window of the voice."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.signal import resample_poly
from truefeed.engines import Card, Engine, load
from truefeed.engines.card import KEY
from truefeed.stream.audio import BLOCK, RATE, Resampler, VoiceScorer, level, prepare, resample, speech_level, trim
from truefeed.stream.audio.quality import SoundLimits, doubts
from truefeed.stream.audio.segmenter import SpeechCutter
from truefeed.stream.audio.vad import speech_blocks
from truefeed.stream.types import AudioChunk, Floats, VoiceVerdict

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000)
WORDS = "The north wind and the sun were disputing which was the stronger, when a traveller came along in a cloak. "


def tone(frequency: float, rate: int, seconds: float) -> Floats:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Floats:
    """About ten seconds of speech at 16 kHz, from whichever classic synthesiser is there."""
    path = tmp_path_factory.mktemp("speech") / "words.wav"
    if shutil.which("espeak-ng"):
        command = ["espeak-ng", "-v", "en-us", "-w", str(path), WORDS * 2]
    elif shutil.which("flite"):
        command = ["flite", "-voice", "slt", "-t", WORDS * 2, "-o", str(path)]
    else:
        pytest.skip("no synthesiser: apt-get install espeak-ng")
    subprocess.run(command, check=True, timeout=30)
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    words = resample(np.concatenate(parts).astype(np.float32) / 32768, rate)
    room = np.random.default_rng(0).normal(0, 3e-4, len(words)).astype(np.float32)
    return level(words + room)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A model whose logit is the number of seconds it hears: it shows what reaches the model."""
    nodes = [
        helper.make_node("Abs", ["samples"], ["size"]),
        helper.make_node("Ceil", ["size"], ["ones"]),
        helper.make_node("ReduceSum", ["ones", "axes"], ["total"], keepdims=1),
        helper.make_node("Div", ["total", "rate"], ["moments"]),
        helper.make_node("Add", ["moments", "past"], ["sum"]),
        helper.make_node("Mul", ["count", "nothing"], ["none"]),
        helper.make_node("Add", ["sum", "none"], ["column"]),
        helper.make_node("Squeeze", ["column", "axes"], ["logit"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        helper.make_tensor("rate", TensorProto.FLOAT, [], [16000.0]),
        helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
    ]
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", length])
        for name, length in (("samples", "time"), ("past", 1), ("count", 1))
    ]
    taken = [
        helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch"]),
        helper.make_tensor_value_info("moments", TensorProto.FLOAT, ["batch", 1]),
    ]
    graph = helper.make_graph(nodes, "seconds", given, taken, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    card = Card(
        *("voice", "seconds", "0"),
        input_size=(16000, 1),
        window=4.0,
        rate=16000.0,
        thresholds={"fake": 0.5, "real": 0.1},
    )
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, card.to_json()
    path = tmp_path / "seconds.onnx"
    onnx.save(model, str(path))
    return load(path, "cpu")


def run(
    scorer: VoiceScorer, samples: Floats, *, rate: int = RATE, size: int = 480, t: float = 0.0
) -> list[VoiceVerdict]:
    """Push samples in chunks of size and return the verdicts."""
    found = []
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        verdict = scorer.push(AudioChunk(part, rate, t + start / rate, 0.0))
        if verdict is not None:
            found.append(verdict)
    return found


@pytest.mark.parametrize("rate", RATES)
def test_resampling_does_not_depend_on_the_chunks(rate: int) -> None:
    rng = np.random.default_rng(rate)
    samples = rng.normal(0, 0.1, rate).astype(np.float32)
    stream, parts, start = Resampler(rate), [], 0
    while start < len(samples):
        size = int(rng.integers(1, 2000))
        parts.append(stream.push(samples[start : start + size]))
        start += size
    parts.append(stream.flush())
    np.testing.assert_array_equal(np.concatenate(parts), resample(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_time_its_pitch_and_its_size(rate: int) -> None:
    out = resample(tone(1000, rate, 2), rate)
    assert len(out) == 2 * RATE
    np.testing.assert_allclose(out[800:-800], tone(1000, RATE, 2)[800:-800], atol=1e-4)


def test_what_16_khz_cannot_hold_is_removed_and_the_rest_kept() -> None:
    assert np.abs(resample(tone(9000, 48000, 1), 48000)[800:-800]).max() < 1e-4
    assert np.abs(resample(tone(7000, 48000, 1), 48000)[800:-800]).max() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("rate", [0, -8000, 999, 10_000_000])
def test_a_rate_that_no_sound_has_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="sampling rate"):
        Resampler(rate)


def test_nothing_in_is_nothing_out() -> None:
    assert len(resample(np.zeros(0, np.float32), 48000)) == 0


def test_levelling_sets_the_loudness_and_leaves_silence_alone() -> None:
    loud = level(tone(300, RATE, 1) + np.float32(0.2))
    assert speech_level(loud) == pytest.approx(-30, abs=0.01)
    assert abs(loud.mean()) < 1e-6
    assert not level(np.zeros(100, np.float32)).any()


def test_preparing_takes_silence_out_and_keeps_the_words(speech: Floats) -> None:
    silence = np.zeros(2 * RATE, np.float32)
    alone = prepare(speech)
    between = prepare(np.concatenate([silence, speech, silence]))
    assert 0.6 * len(speech) < len(alone) <= len(speech)
    assert len(between) == pytest.approx(len(alone), abs=20 * BLOCK)
    assert len(prepare(silence)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_speech_cut_from_a_stream_is_what_is_cut_from_the_recording(seed: int) -> None:
    rng = np.random.default_rng(seed)
    speech = np.repeat(rng.random(60) < 0.5, rng.integers(1, 12, 60))
    samples = rng.normal(0, 0.1, len(speech) * BLOCK).astype(np.float32)
    cutter, found = SpeechCutter(1e9), []
    for number, active in enumerate(speech):
        end = (number + 1) * BLOCK / RATE
        cutter.push(samples[number * BLOCK : (number + 1) * BLOCK], end, speech=bool(active))
        found += list(cutter.seconds(end))
    whole = trim(samples, speech)
    assert len(found) == len(whole) // RATE
    np.testing.assert_array_equal(np.concatenate([second for _, second in found]), whole[: len(found) * RATE])
    assert all(earlier < later for (earlier, _), (later, _) in itertools.pairwise(found))


def test_words_before_a_long_pause_do_not_go_together_with_those_after_it() -> None:
    cutter, block = SpeechCutter(4.0), np.ones(BLOCK, np.float32)
    for number in range(25):
        cutter.push(block, number * BLOCK / RATE, speech=True)
    late = [10 + number * BLOCK / RATE for number in range(30)]
    for t in late:
        cutter.push(2 * block, t, speech=True)
    assert list(cutter.seconds(late[-1])) == []
    cutter.push(2 * block, 11.0, speech=True)
    cutter.push(2 * block, 11.1, speech=True)
    (second,) = cutter.seconds(11.1)
    assert second[0] == 11.1
    np.testing.assert_array_equal(second[1], np.full(RATE, 2, np.float32))


def test_silence_is_never_scored(engine: Engine) -> None:
    found = run(VoiceScorer(engine), np.zeros(6 * RATE, np.float32))
    assert len(found) == 5
    assert all(v.fake is None and v.status == "uncertain" and v.reasons == ("no-speech",) for v in found)


def test_noise_and_music_are_named_and_not_scored(engine: Engine) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.03, 5 * RATE).astype(np.float32)
    chord = sum(tone(f, RATE, 5) for f in (220, 277, 330, 440, 660, 880, 1320)) / np.float32(20)
    for sound, name in ((noise, "noise"), (chord + noise / 50, "music")):
        found = run(VoiceScorer(engine), sound)
        assert {(v.fake, v.reasons) for v in found[1:]} == {(None, (name,))}


def test_a_verdict_a_second_and_at_most_the_window_is_heard(engine: Engine, speech: Floats) -> None:
    found = run(VoiceScorer(engine), speech, t=100.0)
    assert len(found) == len(speech) // RATE
    assert found[0].t == pytest.approx(101, abs=0.04)
    assert [round(v.t - found[0].t) for v in found] == list(range(len(found)))
    assert "too-short" in found[0].reasons
    assert max(v.speech for v in found) <= 4.0
    heard = [v.fake for v in found if v.fake is not None]
    assert heard
    assert max(heard) <= 1 / (1 + np.exp(-4)) + 1e-6


def test_the_first_score_comes_with_one_second_of_speech_and_is_not_trusted(engine: Engine, speech: Floats) -> None:
    found = run(VoiceScorer(engine), speech)
    first = next(v for v in found if v.fake is not None)
    assert first.t < 2.5
    assert first.status == "uncertain"
    assert "too-short" in first.reasons
    assert any(not v.reasons for v in found)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_chunks_change_no_verdict(engine: Engine, speech: Floats, rate: int) -> None:
    again = np.interp(np.arange(0, len(speech), RATE / rate), np.arange(len(speech)), speech).astype(np.float32)
    whole = run(VoiceScorer(engine), again, rate=rate, size=rate // 2)
    small = run(VoiceScorer(engine), again, rate=rate, size=317)
    assert [(v.fake, v.status, v.reasons, v.speech) for v in whole] == [
        (v.fake, v.status, v.reasons, v.speech) for v in small
    ]
    np.testing.assert_allclose([v.t for v in whole], [v.t for v in small], atol=1e-6)


def test_a_gap_starts_a_new_window(engine: Engine, speech: Floats) -> None:
    scorer = VoiceScorer(engine)
    before = run(scorer, speech[: 5 * RATE])
    after = run(scorer, speech[: 5 * RATE], t=60.0)
    assert [v.speech for v in before] == [v.speech for v in after]
    assert after[0].t == pytest.approx(61, abs=0.04)


def test_a_drifting_clock_is_followed_without_a_gap(engine: Engine, speech: Floats) -> None:
    scorer, found = VoiceScorer(engine), []
    for start in range(0, len(speech), 480):
        part = AudioChunk(speech[start : start + 480], RATE, start / RATE * 1.03, 0.0)
        verdict = scorer.push(part)
        if verdict is not None:
            found.append(verdict)
    assert len(found) == len(speech) // RATE
    assert found[-1].t == pytest.approx(len(found) * 1.03, abs=0.1)


def test_clipping_and_steady_noise_are_named(speech: Floats) -> None:
    part = speech[: 4 * RATE]
    active = speech_blocks(part)
    limits = SoundLimits()
    assert doubts(part, active, limits) == ()
    assert "clipped" in doubts(np.clip(part, -0.03, 0.03), active, limits)
    telephone = resample_poly(resample_poly(part, 1, 2), 2, 1).astype(np.float32)
    assert doubts(telephone, active, limits) == ("narrow-line",)
    noisy = part + np.random.default_rng(2).normal(0, 0.03, len(part)).astype(np.float32)
    assert "noise" in doubts(noisy, active, limits)
