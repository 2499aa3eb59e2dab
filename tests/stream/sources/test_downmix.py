"""Channels into one: the mean, unless they cancel each other in it."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import voices
from media import ffmpeg
from models import write_voice
from truefeed.stream.cli import main
from truefeed.stream.sources.downmix import Downmix, channels
from truefeed.stream.types import Floats

RATE = 16000
VOICE = voices.voiced(120, 3.0, 1)
OTHER = voices.voiced(190, 3.0, 2)
NOISE = np.random.default_rng(3).normal(0, 0.05, len(VOICE)).astype(np.float32)


def mixed(*channels: Floats, rate: int = RATE, cut: int = 1024) -> Floats:
    downmix, data = Downmix(), np.stack(channels)
    return np.concatenate([downmix.mix(data[:, i : i + cut], rate) for i in range(0, data.shape[1], cut)])


@pytest.mark.parametrize("channels", [(VOICE,), (VOICE, VOICE), (VOICE, OTHER), (VOICE, VOICE * 0), (VOICE, NOISE)])
def test_what_does_not_cancel_is_the_plain_mean(channels: tuple[Floats, ...]) -> None:
    assert np.array_equal(mixed(*channels), np.mean(np.stack(channels), axis=0, dtype=np.float32))


@pytest.mark.parametrize("gain", [-1.0, -0.8, -1.25])
@pytest.mark.parametrize("first", [True, False])
def test_a_voice_in_antiphase_is_heard_as_in_one_channel(gain: float, first: bool) -> None:
    pair = (VOICE, np.float32(gain) * VOICE)
    found = mixed(*(pair if first else pair[::-1]))
    assert abs(np.corrcoef(found, VOICE)[0, 1]) > 0.999
    assert found.std() == pytest.approx((1 + abs(gain)) / 2 * VOICE.std(), rel=0.01)


def test_a_hum_or_a_whistle_that_nobody_minds_does_not_hide_it() -> None:
    times = np.arange(len(VOICE) * 3) / 48000
    voice = np.interp(times, np.arange(len(VOICE)) / RATE, VOICE)
    for hertz in (25, 17000):
        added = 0.1 * np.sin(2 * np.pi * hertz * times)
        found = mixed((voice + added).astype(np.float32), (added - voice).astype(np.float32), rate=48000)
        assert abs(np.corrcoef(found, voice)[0, 1]) > 0.9


def test_two_voices_each_cancelled_in_a_pair_of_channels_are_both_heard() -> None:
    found = mixed(VOICE, -VOICE, OTHER, -OTHER)
    assert abs(np.corrcoef(found, VOICE)[0, 1]) > 0.5
    assert abs(np.corrcoef(found, OTHER)[0, 1]) > 0.5


def test_a_voice_that_is_turned_in_mid_file_goes_on() -> None:
    half = len(VOICE) // 2
    turned = np.concatenate([VOICE[:half], -VOICE[half:]])
    late = slice(half + RATE // 2, None)
    assert abs(np.corrcoef(mixed(VOICE, turned)[late], VOICE[late])[0, 1]) > 0.99


def test_a_scan_judges_a_voice_in_antiphase_as_it_judges_one_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_voice(tmp_path / "voice.onnx", logit=3.0)
    soundfile.write(tmp_path / "mono.wav", VOICE, RATE)
    soundfile.write(tmp_path / "anti.wav", np.stack([VOICE, -VOICE], 1), RATE)
    words = [
        "scan",
        "-q",
        "--json",
        "--voice-model",
        str(model),
        str(tmp_path / "mono.wav"),
        str(tmp_path / "anti.wav"),
    ]
    assert main(words) == 0
    mono, anti = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert anti["voice_probability"] == mono["voice_probability"] == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("count", [1, 2, 6, 8])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_of_so_many_channels_is_read(count: int, codec: str, tmp_path: Path) -> None:
    path = tmp_path / ("sound.m4a" if codec == "aac" else "sound.wav")
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[count]
    each = "|".join(f"c{i}={1 / (1 + i)}*c0" for i in range(count))
    graph = f"sine=440:d=1:r=48000,pan={layout}|{each}"
    ffmpeg("-f", "lavfi", "-i", graph, "-c:a", codec, path)
    with av.open(str(path)) as container:
        found = np.concatenate([channels(frame) for frame in container.decode(audio=0)], axis=1)
    assert found.shape[0] == count
    assert found.shape[1] == pytest.approx(48000, abs=3000)
    assert found.std(axis=1).max() == pytest.approx(0.088, rel=0.1)
