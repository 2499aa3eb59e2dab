"""A source whose sound comes from a microphone: a camera and the person in front of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing

from ..errors import SourceError
from ..types import AudioChunk, Frame
from .base import Item, Source
from .microphone import Microphone
from .sample_clock import SLIP

_AGAIN = 5.0
"A microphone that fell silent or was pulled out is opened again after so long, s."


class DubbedSource:
    """The pictures of one source with the sound of a microphone.

    Args:
        source: opened without sound of its own.
        device: as in `SourceOptions.mic`.
    """

    def __init__(self, source: Source, device: str) -> None:
        self._source = source
        self._device = device
        self.name = source.name
        self.live = source.live
        self.tally = source.tally
        self._microphone: Microphone | None = None
        self._heard = 0.0
        self._shift: float | None = None
        self._expected = float("inf")
        "When the next sound is due, s, monotonic."
        self._fresh = False

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`; also raises SourceError where the microphone can't be opened at first."""
        self._reopen()
        run = getattr(self._source, "run", self._source.items)
        try:
            with closing(run(stop)) as ticking:
                for item in ticking:
                    if isinstance(item, Frame):
                        self._follow(item)
                    if item is not None:
                        yield item
                    yield from self._sound()
        finally:
            if self._microphone is not None:
                self._microphone.close()
                self._microphone = None

    def _follow(self, frame: Frame) -> None:
        """Learn where media time stands on the wall clock."""
        shift = frame.t - frame.arrived
        if self._shift is None or frame.discontinuity or abs(shift - self._shift) > SLIP:
            self._fresh = self._shift is not None and abs(shift - self._shift) > SLIP
            self._shift = shift

    def _sound(self) -> Iterator[AudioChunk]:
        if self._microphone is None or (time.monotonic() - self._heard > _AGAIN and not self._microphone.alive):
            self._try_again()
        while self._microphone is not None and (read := self._microphone.read(0)) is not None:
            samples, stamp, arrived = read
            self._heard = arrived
            if self._shift is None:
                continue
            gap = stamp - self._expected > SLIP
            self._expected = stamp + len(samples) / self._microphone.rate
            yield AudioChunk(samples, self._microphone.rate, stamp + self._shift, arrived, gap or self._fresh)
            self._fresh = False

    def _try_again(self) -> None:
        if time.monotonic() - self._heard < _AGAIN:
            return
        try:
            self._reopen()
        except SourceError:
            self._heard = time.monotonic()

    def _reopen(self) -> None:
        if self._microphone is not None:
            self._microphone.close()
            self._microphone = None
        self._microphone = Microphone(self._device)
        self._heard = time.monotonic()
        self._expected = float("inf")
