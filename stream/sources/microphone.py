"""Sound from a microphone, by PortAudio through PyAudio."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from queue import Empty, Full, Queue
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ..errors import MissingExtraError, SourceError, SourceNotFoundError
from ..types import AudioChunk, Floats, StateChange
from .base import Device, Item, SourceOptions
from .reconnect import TICK, LiveSource, StalledError
from .sample_clock import SampleClock
from .timestamps import Timeline

_BLOCK = 0.02
"Length of a block, s."
_HELD = 500
"Blocks kept for a slow reader: ten seconds."
_ALSA_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_JACK_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_silent_alsa = _ALSA_HANDLER(lambda *_: None)
_silent_jack = _JACK_HANDLER(lambda _: None)


class _PortAudio(Protocol):
    """What is used of pyaudio.PyAudio."""

    def get_device_count(self) -> int: ...
    def get_device_info_by_index(self, index: int) -> dict[str, Any]: ...
    def get_default_input_device_info(self) -> dict[str, Any]: ...


def _pyaudio() -> ModuleType:
    """Import PyAudio and keep ALSA and JACK from writing about absent sound cards onto stderr."""
    try:
        import pyaudio
    except ImportError:
        raise MissingExtraError("pyaudio", "mic") from None
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_silent_alsa)
        with suppress(OSError, AttributeError):
            jack = ctypes.CDLL("libjack.so.0")
            jack.jack_set_error_function(_silent_jack)
            jack.jack_set_info_function(_silent_jack)
    module: ModuleType = pyaudio
    return module


def list_microphones() -> list[Device]:
    """Return the inputs that PortAudio sees. Raises MissingExtraError."""
    audio = _pyaudio().PyAudio()
    try:
        return [Device(str(found["index"]), str(found["name"])) for found in _inputs(audio)]
    finally:
        audio.terminate()


def _inputs(audio: _PortAudio) -> list[dict[str, Any]]:
    found = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    return [device for device in found if int(device["maxInputChannels"]) > 0]


def _choose(audio: _PortAudio, device: str) -> dict[str, Any]:
    """Return the input called `device`: an index, a part of a name, or empty for the default one."""
    inputs = _inputs(audio)
    if not device:
        try:
            return dict(audio.get_default_input_device_info())
        except OSError:
            chosen = inputs[:1]
    elif device.isdigit():
        chosen = [found for found in inputs if int(found["index"]) == int(device)]
    else:
        chosen = [found for found in inputs if device.lower() in str(found["name"]).lower()]
        chosen.sort(key=lambda found: str(found["name"]).lower() != device.lower())
    if not chosen:
        names = ", ".join(f"{found['index']} ({found['name']})" for found in inputs) or "none"
        raise SourceNotFoundError(f"microphone {device or 'default'}: not found; there is: {names}")
    return chosen[0]


class Microphone:
    """An open microphone. PortAudio's own thread fills a bounded queue.

    Args:
        device: as in `SourceOptions.mic`.

    Raises:
        SourceError: it can't be opened.
        MissingExtraError: PyAudio is not installed.
    """

    def __init__(self, device: str) -> None:
        pyaudio = _pyaudio()
        self._blocks: Queue[tuple[Floats, float]] = Queue(_HELD)
        self._go_on = pyaudio.paContinue
        self._audio = pyaudio.PyAudio()
        try:
            info = _choose(self._audio, device)
            self.name = str(info["name"])
            self.rate = int(info["defaultSampleRate"])
            self._clock = SampleClock(self.rate)
            self._stream = self._audio.open(
                rate=self.rate,
                channels=1,
                format=pyaudio.paFloat32,
                input=True,
                input_device_index=int(info["index"]),
                frames_per_buffer=round(self.rate * _BLOCK),
                stream_callback=self._take,
            )
        except OSError as error:
            self._audio.terminate()
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"microphone {device or 'default'}: {error.args[-1] if error.args else error}") from None

    def _take(self, data: bytes, count: int, times: object, status: int) -> tuple[None, int]:
        block = np.frombuffer(data, np.float32).copy()
        while True:
            try:
                self._blocks.put_nowait((block, time.monotonic()))
            except Full:
                try:
                    self._blocks.get_nowait()
                except Empty:
                    continue
            else:
                return None, self._go_on

    def read(self, timeout: float) -> tuple[Floats, float, float] | None:
        """Return (samples (n,), time of the first on the monotonic clock by `SampleClock`, arrival), s, or None."""
        try:
            samples, arrived = self._blocks.get(timeout=timeout) if timeout > 0 else self._blocks.get_nowait()
        except Empty:
            return None
        return samples, self._clock.place(len(samples), arrived), arrived

    @property
    def alive(self) -> bool:
        """Whether the device still runs."""
        return bool(self._stream.is_active())

    def close(self) -> None:
        """Release the device."""
        self._stream.close()
        self._audio.terminate()


class MicrophoneSource(LiveSource):
    """A microphone alone."""

    def __init__(self, device: str, options: SourceOptions) -> None:
        super().__init__(f"microphone {device}" if device else "microphone", options)
        self._device = device

    def _connect(self, timeline: Timeline, number: int) -> _MicrophoneConnection:
        return _MicrophoneConnection(Microphone(self._device), timeline, self._options.stall)


class _MicrophoneConnection:
    def __init__(self, microphone: Microphone, timeline: Timeline, stall: float) -> None:
        self._microphone = microphone
        self._timeline = timeline
        self._stall = stall

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        latest: float | None = None
        opened = time.monotonic()
        while not stop.is_set():
            read = self._microphone.read(TICK)
            if read is None:
                if time.monotonic() - (latest or opened) > self._stall:
                    raise StalledError(f"no sound received for {self._stall:g} s")
                yield None
                continue
            samples, stamp, arrived = read
            if latest is None:
                yield StateChange("online", self._microphone.name, arrived)
            latest = arrived
            placed = self._timeline.place("audio", stamp, arrived, len(samples) / self._microphone.rate)
            if placed is not None:
                yield AudioChunk(samples, self._microphone.rate, placed[0], arrived, placed[1])

    def close(self) -> None:
        self._microphone.close()
