"""What the loudspeakers play: the other end of a call, whichever program it is held in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from typing import BinaryIO, Protocol, cast

import numpy as np

from ..errors import SourceError, SourceNotFoundError
from ..types import Floats
from .sample_clock import SampleClock

_RATE = 48000
_BLOCK = 960
"Samples read at once: 20 ms."
_HELD = 500
"Blocks kept for a slow reader: ten seconds."
_DELAY = 40
"The server gathers so much before it hands it on, ms."
_ANSWER = 5.0
"A sound server answers within this, s."
_LOOK = 5.0
"Whether the loudspeakers are still the same is asked so often, s."


class Sound(Protocol):
    """A device that gives sound."""

    name: str
    rate: int
    "Hz."

    def read(self, timeout: float) -> tuple[Floats, float, float] | None:
        """Return (samples (n,), time of the first on the monotonic clock, arrival), s; None after timeout s."""

    @property
    def alive(self) -> bool:
        """Whether the device still runs."""

    def close(self) -> None:
        """Release it."""


def open_loopback() -> Sound:
    """Return the sound that the system plays. Raises SourceError, which says what would bring it."""
    if sys.platform == "linux":
        return PulseLoopback()
    if sys.platform == "win32":
        hint = "choose 'Stereo Mix' as a microphone (--mic Stereo), if this machine has it"
    else:
        hint = "install BlackHole, have the call play to it, and listen to that: --mic BlackHole"
    raise SourceNotFoundError(f"the sound of the system cannot be heard on {sys.platform}: {hint}")


class PulseLoopback:
    """The monitor of the sink that PulseAudio, or PipeWire in its place, plays to.

    `parec` of PulseAudio reads it, in a process of its own. While nothing is played nothing comes.

    Raises SourceError where there is none.
    """

    def __init__(self) -> None:
        self.name, self.rate = _monitor(), _RATE
        command = ["parec", f"--device={self.name}", "--raw", "--format=float32le", "--channels=1"]
        command += [f"--rate={_RATE}", f"--latency-msec={_DELAY}", "--client-name=truefeed"]
        quiet = subprocess.DEVNULL
        self._child = subprocess.Popen(
            command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, start_new_session=True
        )
        self._clock = SampleClock(_RATE)
        self._looked = time.monotonic()
        self._changed = threading.Condition()
        self._blocks: deque[tuple[Floats, float]] = deque(maxlen=_HELD)
        self._thread = threading.Thread(target=self._listen, name="loopback", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        stdout = cast(BinaryIO, self._child.stdout)
        while len(data := stdout.read(4 * _BLOCK)) == 4 * _BLOCK:
            with self._changed:
                self._blocks.append((np.frombuffer(data, "<f4").astype(np.float32), time.monotonic()))
                self._changed.notify()

    def read(self, timeout: float) -> tuple[Floats, float, float] | None:
        """See `Sound.read`."""
        with self._changed:
            if not self._blocks and timeout > 0:
                self._changed.wait_for(lambda: self._blocks, timeout)
            if not self._blocks:
                return None
            samples, arrived = self._blocks.popleft()
        return samples, self._clock.place(len(samples), arrived), arrived

    @property
    def alive(self) -> bool:
        """Whether it is still what is played: False once the server has gone, or plays to another sink."""
        if self._child.poll() is not None:
            return False
        if time.monotonic() - self._looked < _LOOK:
            return True
        self._looked = time.monotonic()
        try:
            return _monitor() == self.name
        except SourceError:
            return False

    def close(self) -> None:
        """End the recorder."""
        self._child.kill()
        self._thread.join(_ANSWER)
        cast(BinaryIO, self._child.stdout).close()
        self._child.wait()


def _monitor() -> str:
    """Return the name of the monitor of the default sink. Raises SourceNotFoundError."""
    if shutil.which("parec") is None or shutil.which("pactl") is None:
        raise SourceNotFoundError("the sound of the system cannot be heard: sudo apt-get install pulseaudio-utils")
    try:
        asked = subprocess.run(
            ["pactl", "get-default-sink"], capture_output=True, text=True, timeout=_ANSWER, check=False
        )
    except subprocess.TimeoutExpired:
        asked = None
    if asked is None or asked.returncode or not asked.stdout.strip():
        raise SourceNotFoundError("the sound of the system cannot be heard: no PulseAudio or PipeWire answers")
    return f"{asked.stdout.strip()}.monitor"
