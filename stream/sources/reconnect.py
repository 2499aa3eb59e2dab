"""What never ends by itself is opened again, with back-off, whenever it ends or stalls."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from typing import Protocol

from ..errors import SourceError
from ..types import StateChange
from .base import Item, SourceOptions, Tally
from .timestamps import Timeline

TICK = 0.25
"Waiting is interrupted so often to look at the clock and at the stop event, s."


class StalledError(SourceError):
    """Nothing came for too long."""


class Connection(Protocol):
    """A device or a stream while it is open."""

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """Yield what comes, `online` with the first picture, None at least every TICK; end where the source ends.

        Raises StalledError, or another SourceError where it failed.
        """

    def close(self) -> None:
        """Release it."""


class Ticking(ABC):
    """A source that has a moment for others while nothing comes."""

    def close(self) -> None:  # noqa: B027 - meant to do nothing
        """Do nothing: the generator closes what it opened."""

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`."""
        with closing(self.run(stop)) as ticking:
            for item in ticking:
                if item is not None:
                    yield item

    @abstractmethod
    def run(self, stop: threading.Event) -> Generator[Item | None]:
        """As `items`, and None at least every TICK: for those who have something else to do in this thread."""


class LiveSource(Ticking):
    """A source that is opened again for ever.

    Args:
        name: what to call it, credentials removed.
        options: how it is watched.
    """

    live = True

    def __init__(self, name: str, options: SourceOptions) -> None:
        self.name = name
        self.tally = Tally()
        self._options = options

    @abstractmethod
    def _connect(self, timeline: Timeline, number: int) -> Connection:
        """Open it for the number-th time, from 0. Raises SourceError whose text begins with the name."""

    def _over(self) -> str:
        """Say why it is not opened again after the items of a connection ended; empty: it is."""
        return ""

    def run(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Ticking.run`."""
        timeline = Timeline(live=True)
        first, last = self._options.backoff
        wait, failed, number, stalled = first, 0, 0, False
        yield StateChange("connecting", arrived=time.monotonic())
        while not stop.is_set():
            try:
                with closing(self._connect(timeline, number)) as connection:
                    timeline.restart()
                    number += 1
                    for item in connection.items(stop):
                        if isinstance(item, StateChange):
                            stalled = item.state == "stalled"
                            if item.state == "online" and (failed or number == 1):
                                self.tally.reconnects += number > 1
                                wait, failed = first, 0
                        yield item
                if not stop.is_set() and (over := self._over()):
                    yield StateChange("ended", over, time.monotonic())
                    return
                why = "the stream ended"
            except StalledError as error:
                why = str(error)
                if not stalled:
                    yield StateChange("stalled", why, time.monotonic())
            except SourceError as error:
                if number == 0:
                    raise
                why = str(error).removeprefix(f"{self.name}: ")
            if stop.is_set():
                break
            failed += 1
            if self._options.retries is not None and failed > self._options.retries:
                raise SourceError(f"{self.name}: {why}; gave up after {failed - 1} attempts to open it again")
            yield StateChange("retrying", f"{why}; next attempt in {wait:g} s", time.monotonic())
            stalled = False
            yield from _ticks(wait, stop)
            wait = min(wait * 2, last)
        yield StateChange("ended", "stopped", time.monotonic())


def _ticks(seconds: float, stop: threading.Event) -> Generator[None]:
    """Wait for so long, or until `stop`, yielding every TICK."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not stop.wait(min(left, TICK)):
        yield
