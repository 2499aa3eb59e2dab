"""A source that does not end: opened again until it is removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

from ..errors import SourceError
from ..open import open_source
from ..sources import Source, SourceOptions
from ..sources.base import Item, Tally
from ..sources.packet_buffer import Packet
from ..types import AudioChunk, Frame, StateChange

_AGAIN = (2.0, 30.0)
"Wait before the first and, doubling, at most before a later attempt to open what never opened, s."
_PAUSE = 0.04
"Between the last picture of the demonstration and its first one, s of media time."


def is_demo(url: str) -> bool:
    """Say whether it is the clip that truefeed carries."""
    return url.lower() == "demo"


class _Stop(threading.Event):
    """Set by its owner, or by another event."""

    def __init__(self, other: threading.Event, own: threading.Event) -> None:
        super().__init__()
        self._other, self._own = other, own

    def is_set(self) -> bool:
        return self._other.is_set() or self._own.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = 0.2 if deadline is None else min(0.2, deadline - time.monotonic())
            if left <= 0:
                break
            self._own.wait(left)
        return self.is_set()


class Lasting:
    """A source that is opened again also where it could not be opened the first time, until it is removed.

    The demonstration begins anew whenever it ends.
    """

    tally: Tally

    def __init__(self, url: str, options: SourceOptions) -> None:
        self._url, self._options = url, options
        self._inner: Source = open_source(url, options)
        self.live, self.tally = self._inner.live, self._inner.tally
        self.gone = threading.Event()

    @property
    def name(self) -> str:
        return self._inner.name

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`."""
        either, wait = _Stop(stop, self.gone), _AGAIN[0]
        while not either.is_set():
            try:
                if not is_demo(self._url):
                    yield from self._inner.items(either)
                    return
                yield from self._over_and_over(either)
            except SourceError as error:
                yield StateChange("retrying", f"{error}; next attempt in {wait:g} s", time.monotonic())
            either.wait(wait)
            wait = min(wait * 2, _AGAIN[1])
            self._inner = open_source(self._url, self._options)
            self.tally = self._inner.tally

    def _over_and_over(self, stop: threading.Event) -> Generator[Item]:
        """Yield the clip again and again on one time line."""
        start, number = 0.0, 0
        while not stop.is_set():
            end, seen = start, set[type]()
            for item in self._inner.items(stop):
                if isinstance(item, Frame | AudioChunk):
                    end = max(end, start + item.t)
                    anew = number > 0 and type(item) not in seen
                    seen.add(type(item))
                    yield replace(item, t=start + item.t, discontinuity=item.discontinuity or anew)
                elif isinstance(item, Packet):
                    yield replace(item, session=number)
                elif number == 0 and item.state != "ended":
                    yield item
            start, number = end + _PAUSE, number + 1
            self._inner = open_source(self._url, self._options)

    def report(self) -> Mapping[str, Any] | None:
        """See `Reporting`."""
        report: Callable[[], Mapping[str, Any] | None] | None = getattr(self._inner, "report", None)
        return report() if report is not None else None

    def close(self) -> None:
        """See `Source.close`."""
        self._inner.close()
