"""The sound of the system, as PulseAudio's null sink plays it, alone and beside the screen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
import x_display
from truefeed.stream.errors import SourceNotFoundError
from truefeed.stream.open import open_source
from truefeed.stream.sources.capture import Capture
from truefeed.stream.sources.loopback import open_loopback
from truefeed.stream.types import AudioChunk, Frame, StateChange
from x_display import XDisplay

Play = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[XDisplay]:
    if not x_display.available():
        pytest.skip(f"{', '.join(x_display.TOOLS)} are needed")
    shown = XDisplay(320, 240)
    monkeypatch.setenv("DISPLAY", shown.name)
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    yield shown
    shown.close()


LISTEN = """
import sys, time
import numpy as np
from truefeed.stream.sources import loopback

heard = []
device = getattr(loopback, sys.argv[1])()
assert device.read(10.0) is not None
assert device.alive
print(device.name, flush=True)
while len(heard) < 40:
    read = device.read(10.0)
    assert read is not None
    if np.abs(read[0]).max() > 0.1:
        heard.append(read[:2])
device.close()
assert not device.alive
played = np.concatenate([samples for samples, _ in heard])
steps = np.diff([stamp for _, stamp in heard])
print(np.abs(played).max(), np.abs(np.fft.rfft(played)).argmax() * device.rate / len(played))
print(np.abs(steps - len(heard[0][0]) / device.rate).max())
"""


@pytest.mark.parametrize(("kind", "name"), [("PulseLoopback", "vmic_sink.monitor"), ("SoundcardLoopback", "Null")])
def test_what_is_played_is_heard(pulse: Play, tmp_path: Path, kind: str, name: str) -> None:
    """What records on Windows is tried with PulseAudio, for which its package has the same calls.

    In a process of its own: the package speaks to the first server that it meets for ever.
    """
    sound = media.write_sound(tmp_path / "tone.wav", seconds=1.0, rate=44100)
    with subprocess.Popen([sys.executable, "-c", LISTEN, kind], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert name in child.stdout.readline()
        pulse(sound)
        peak, pitch, uneven = (float(word) for word in child.stdout.read().split())
        assert child.wait(10) == 0
    assert peak == pytest.approx(0.5, abs=0.1)
    assert pitch == pytest.approx(440, abs=2)
    assert uneven < 0.0011  # a correction of the clock is a twentieth of a block at most


def test_the_screen_has_the_sound_of_the_system_on_one_clock(pulse: Play, display: XDisplay, tmp_path: Path) -> None:
    sound = media.write_sound(tmp_path / "tone.wav", seconds=1.0, rate=44100)
    with Capture(open_source("screen"), ring=100) as capture:
        _take(capture, lambda item: isinstance(item, AudioChunk))
        pulse(sound)
        chunks = [_take(capture, lambda item: isinstance(item, AudioChunk) and np.abs(item.samples).max() > 0.1)]
        window = display.window((0, 0, 100, 100), "flash", colour=0xFFFFFF)
        seen = _take(capture, lambda item: isinstance(item, Frame) and item.image[50, 50].min() == 255)
        chunks.append(_take(capture, lambda item: isinstance(item, AudioChunk)))
        # At any moment sound and picture have about the same media time.
        shifts = [item.t - item.arrived for item in (*chunks, seen)]
        assert max(shifts) - min(shifts) < 0.25
        display.close_window(window)


def test_without_a_sound_server_the_picture_goes_on(
    display: XDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SourceNotFoundError, match="no PulseAudio or PipeWire answers"):
        open_loopback()
    with Capture(open_source("screen")) as capture:
        online = _take(capture, lambda item: isinstance(item, StateChange) and item.state == "online")
        assert online.detail == "no sound: the sound of the system cannot be heard: no PulseAudio or PipeWire answers"
        _take(capture, lambda item: isinstance(item, Frame))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceNotFoundError, match="apt-get install pulseaudio-utils"):
        open_loopback()


def _take(capture: Capture, until: Callable[[object], bool]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        item = capture.poll(0.1)
        if until(item):
            return item
    raise AssertionError("it did not come")
