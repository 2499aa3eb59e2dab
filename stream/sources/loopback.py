"""What the loudspeakers play: the other end of a call, whichever program it is held in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import BinaryIO, Protocol, cast

import numpy as np

from ..errors import MissingExtraError, SourceError, SourceNotFoundError
from ..types import Floats
from .reconnect import TICK
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
        return SoundcardLoopback()
    hint = "install BlackHole, have the call play to it, and listen to that: --mic BlackHole"
    raise SourceNotFoundError(f"the sound of the system cannot be heard on {sys.platform}: {hint}")


class _Loopback:
    """Blocks that a thread gathers.

    Args:
        name: of the device.
        gather: yields blocks (n,), each as soon as it was heard, until the device is closed.
    """

    def __init__(self, name: str, gather: Callable[[], Iterator[Floats]]) -> None:
        self.name, self.rate = name, _RATE
        self._clock = SampleClock(_RATE)
        self._looked = time.monotonic()
        self._changed = threading.Condition()
        self._blocks: deque[tuple[Floats, float]] = deque(maxlen=_HELD)
        self._thread = threading.Thread(target=self._listen, args=(gather,), name="loopback", daemon=True)
        self._thread.start()

    def _listen(self, gather: Callable[[], Iterator[Floats]]) -> None:
        # Whatever a driver raises: the thread ends, and the device is opened again.
        with suppress(RuntimeError, OSError, LookupError, ValueError):
            for block in gather():
                with self._changed:
                    self._blocks.append((block, time.monotonic()))
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
        """Whether it is still what is played: False once the device has gone, or another one is played to."""
        if not self._thread.is_alive():
            return False
        if time.monotonic() - self._looked < _LOOK:
            return True
        self._looked = time.monotonic()
        try:
            return self._current() == self.name
        except SourceError:
            return False

    def _current(self) -> str:
        """Return the name of what is played to now. Raises SourceError."""
        raise NotImplementedError


class SoundcardLoopback(_Loopback):
    """The loopback of the default loudspeaker by the package soundcard: WASAPI on Windows, where nothing else does it.

    Raises MissingExtraError, and SourceError where there is no loudspeaker.
    """

    def __init__(self) -> None:
        try:
            import soundcard
        except ImportError:
            raise MissingExtraError("soundcard", "screen") from None
        self._soundcard: ModuleType = soundcard
        self._closed = threading.Event()
        super().__init__(self._current(), self._record)

    def _current(self) -> str:
        try:
            return str(self._soundcard.default_speaker().name)
        except (RuntimeError, OSError, IndexError) as error:
            raise SourceNotFoundError(f"the sound of the system cannot be heard: no loudspeaker ({error})") from None

    def _record(self) -> Iterator[Floats]:
        device = self._soundcard.get_microphone(self.name, include_loopback=True)
        with device.recorder(samplerate=_RATE, channels=1, blocksize=_BLOCK) as recorder:
            while not self._closed.is_set():
                yield np.asarray(recorder.record(numframes=_BLOCK), np.float32).mean(1)

    def close(self) -> None:
        """Stop recording; while nothing is played the thread only learns of it with the next sound."""
        self._closed.set()
        self._thread.join(TICK)


class PulseLoopback(_Loopback):
    """The monitor of the sink that PulseAudio, or PipeWire in its place, plays to.

    `parec` of PulseAudio reads it, in a process of its own. While nothing is played nothing comes.

    Raises SourceError where there is none.
    """

    def __init__(self) -> None:
        name = self._current()
        command = ["parec", f"--device={name}", "--raw", "--format=float32le", "--channels=1"]
        command += [f"--rate={_RATE}", f"--latency-msec={_DELAY}", "--client-name=truefeed"]
        quiet = subprocess.DEVNULL
        self._child = subprocess.Popen(
            command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, start_new_session=True
        )
        super().__init__(name, self._blocks_of)

    def _blocks_of(self) -> Iterator[Floats]:
        stdout = cast(BinaryIO, self._child.stdout)
        while len(data := stdout.read(4 * _BLOCK)) == 4 * _BLOCK:
            yield np.frombuffer(data, "<f4").astype(np.float32)

    def _current(self) -> str:
        return _monitor()

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
