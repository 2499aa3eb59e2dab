"""A microphone, as PulseAudio's null sink plays one."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import media
import numpy as np
import pytest
from truefeed.stream.errors import SourceNotFoundError
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions, list_microphones
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.types import AudioChunk, Frame, StateChange

pytest.importorskip("pyaudio", reason="PyAudio is not installed: pip install 'truefeed[mic]'")
Play = Callable[[Path], "subprocess.Popen[bytes]"]


def listen(
    capture: Capture, until: Callable[[list[AudioChunk]], bool]
) -> tuple[list[AudioChunk], list[Frame], list[str]]:
    """Take what comes until the condition on the sound holds."""
    chunks: list[AudioChunk] = []
    frames: list[Frame] = []
    states: list[str] = []
    deadline = time.monotonic() + 30
    while not until(chunks):
        assert time.monotonic() < deadline
        item = capture.poll(0.1)
        assert not isinstance(item, End)
        if isinstance(item, AudioChunk):
            chunks.append(item)
        elif isinstance(item, Frame):
            frames.append(item)
        elif isinstance(item, StateChange):
            states.append(item.state)
    return chunks, frames, states


def loud(chunks: list[AudioChunk]) -> list[AudioChunk]:
    return [chunk for chunk in chunks if np.abs(chunk.samples).max() > 0.1]


def heard(chunks: list[AudioChunk]) -> bool:
    """Say whether a sound has come and gone."""
    return len(loud(chunks)) > 5 and np.abs(np.concatenate([c.samples for c in chunks[-10:]])).max() < 0.01


def test_microphone_records_what_is_played(pulse: Play, tmp_path: Path) -> None:
    sound = media.write_sound(tmp_path / "tone.wav", seconds=1.5, rate=44100)
    assert "pulse" in [device.name for device in list_microphones()]
    with Capture(open_source("mic:pulse")) as capture:
        listen(capture, lambda chunks: len(chunks) > 5)
        pulse(sound)
        chunks, _, _ = listen(capture, heard)
    played = np.concatenate([chunk.samples for chunk in loud(chunks)])
    rate = chunks[0].rate
    assert len(played) / rate == pytest.approx(1.5, abs=0.1)
    assert np.abs(played).max() == pytest.approx(0.5, abs=0.03)
    spectrum = np.abs(np.fft.rfft(played))
    assert spectrum.argmax() * rate / len(played) == pytest.approx(440, abs=2)
    # The clock is corrected by a twentieth of a block at most.
    ends = [chunk.t + len(chunk.samples) / rate for chunk in chunks]
    assert [chunk.t for chunk in chunks[1:]] == pytest.approx(ends[:-1], abs=0.0011)


def test_microphone_in_place_of_the_sound_of_a_camera(pulse: Play, tmp_path: Path) -> None:
    sound = media.write_sound(tmp_path / "tone.wav", seconds=1.0, rate=44100)
    source = open_source("lavfi:testsrc=size=64x48:rate=25,realtime", SourceOptions(mic="pulse"))
    with Capture(source, ring=500) as capture:
        listen(capture, lambda chunks: len(chunks) > 5)
        pulse(sound)
        chunks, frames, _ = listen(capture, heard)
    assert len(loud(chunks)) * len(chunks[0].samples) / chunks[0].rate == pytest.approx(1, abs=0.1)
    # One origin: at any moment the newest sound and the newest picture have about the same media time.
    assert abs(chunks[-1].t - frames[-1].t) < 0.5
    shifts = [item.t - item.arrived for item in (*chunks, *frames)]
    assert max(shifts) - min(shifts) < 0.5


def test_microphone_that_is_not_there(pulse: Play) -> None:
    with pytest.raises(SourceNotFoundError, match=r"microphone nowhere: not found; there is: .*pulse"):
        list(open_source("mic:nowhere").items(threading.Event()))
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        list(open_source("lavfi:testsrc,realtime", SourceOptions(mic="nowhere")).items(threading.Event()))


def test_no_audio_goes_before_the_microphone() -> None:
    source = open_source("lavfi:testsrc,realtime", SourceOptions(mic="nowhere", audio=False))
    with Capture(source) as capture:
        while not isinstance(item := capture.poll(10), Frame):
            assert item is not None
