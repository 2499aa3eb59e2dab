"""A source whose sound comes from elsewhere: a camera with a microphone, the screen with what the loudspeakers play."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

from ..errors import SourceError
from ..types import AudioChunk, Frame, StateChange
from .base import Item, Source, shows_screen
from .loopback import Sound
from .sample_clock import SLIP

_AGAIN = 5.0
"A device that fell silent or was pulled out is opened again after so long, s."


class DubbedSource:
    """The pictures of one source with the sound of a device.

    Args:
        source: opened without sound of its own.
        open_sound: opens the device; raises SourceError.
        needed: a device that can't be opened at first is an error; else `online` tells of it, and it is tried again.
    """

    def __init__(self, source: Source, open_sound: Callable[[], Sound], *, needed: bool = True) -> None:
        self._source = source
        self._open_sound = open_sound
        self._needed = needed
        self.name = source.name
        self.live = source.live
        self.screen = shows_screen(source)
        self.tally = source.tally
        self._device: Sound | None = None
        self._heard = 0.0
        self._shift: float | None = None
        self._expected = float("inf")
        "When the next sound is due, s, monotonic."
        self._fresh = False

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`; also raises SourceError where the device can't be opened at first, and is needed."""
        silent = self._begin()
        run = getattr(self._source, "run", self._source.items)
        try:
            with closing(run(stop)) as ticking:
                for item in ticking:
                    if isinstance(item, Frame):
                        self._follow(item)
                    if isinstance(item, StateChange) and item.state == "online" and silent:
                        item, silent = replace(item, detail=silent), ""
                    if item is not None:
                        yield item
                    yield from self._sound()
        finally:
            if self._device is not None:
                self._device.close()
                self._device = None

    def _begin(self) -> str:
        """Open the device; return why that can't be done."""
        try:
            self._reopen()
        except SourceError as error:
            if self._needed:
                raise
            self._heard = time.monotonic()
            return f"no sound: {error}"
        return ""

    def _follow(self, frame: Frame) -> None:
        """Learn where media time stands on the wall clock."""
        shift = frame.t - frame.arrived
        if self._shift is None or frame.discontinuity or abs(shift - self._shift) > SLIP:
            self._fresh = self._shift is not None and abs(shift - self._shift) > SLIP
            self._shift = shift

    def _sound(self) -> Iterator[AudioChunk]:
        if self._device is None or (time.monotonic() - self._heard > _AGAIN and not self._device.alive):
            self._try_again()
        while self._device is not None and (read := self._device.read(0)) is not None:
            samples, stamp, arrived = read
            self._heard = arrived
            if self._shift is None:
                continue
            gap = stamp - self._expected > SLIP
            self._expected = stamp + len(samples) / self._device.rate
            yield AudioChunk(samples, self._device.rate, stamp + self._shift, arrived, gap or self._fresh)
            self._fresh = False

    def _try_again(self) -> None:
        if time.monotonic() - self._heard < _AGAIN:
            return
        try:
            self._reopen()
        except SourceError:
            self._heard = time.monotonic()

    def _reopen(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None
        self._device = self._open_sound()
        self._heard = time.monotonic()
        self._expected = float("inf")
