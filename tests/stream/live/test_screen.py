"""A call on the screen, watched as `truefeed watch screen` does: many faces, and a voice while nothing moves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import x_display
from clips import gallery, write_video
from models import write_models, write_voice
from truefeed.stream.audio import RATE
from voices import voiced
from x_display import XDisplay

pytestmark = pytest.mark.skipif(not x_display.available(), reason=f"{', '.join(x_display.TOOLS)} are needed")


@pytest.fixture(scope="module")
def display() -> Iterator[XDisplay]:
    shown = XDisplay(1920, 1080)
    yield shown
    shown.close()


def watch(display: XDisplay, *words: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a run; it ends where the caller has seen enough."""
    command = [sys.executable, "-m", "truefeed.stream", "watch", "screen", "--json", "--seconds", "60", *words]
    with subprocess.Popen(command, env=display.environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                yield json.loads(line)
        finally:
            child.terminate()


def test_twenty_small_faces_are_found_and_take_turns(display: XDisplay, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "gallery.mp4", [gallery(i) for i in range(6)], fps=2)
    player = display.play(clip, "gallery")
    scored: set[int] = set()
    for event in watch(display, "--no-audio", "--model", str(write_models(tmp_path))):
        scored |= {face["id"] for face in event.get("faces", ()) if face["fake"] is not None}
        if len(scored) >= 20 and len(event.get("faces", ())) == 20:
            break
    assert scored == set(range(1, 21))
    player.terminate()


def test_a_voice_is_told_while_the_screen_stands_still(
    display: XDisplay, pulse: Callable[[Path], object], tmp_path: Path
) -> None:
    """A call without cameras: nothing moves, and somebody speaks."""
    speech = tmp_path / "speech.wav"
    soundfile.write(speech, voiced(120, 8.0, 1), RATE)
    voice = write_voice(tmp_path / "voice.onnx", logit=4.0)
    seen = []
    events = watch(display, "--model", str(write_models(tmp_path)), "--voice-model", str(voice))
    for event in events:
        if event["event"] == "stream" and event["state"] == "online":
            pulse(speech)
        if event["event"] == "verdict":
            seen.append(event)
            if event["voice"] is not None and len(seen) > 2:
                break
    assert [event["t"] for event in seen] == sorted(event["t"] for event in seen)
    assert seen[-1]["voice"] > 0.9
    assert seen[-1]["t"] - seen[0]["t"] > 1
    events.close()
