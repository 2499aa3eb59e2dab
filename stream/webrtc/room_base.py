"""What every room does alike: hold who came and what happened until the watch loop asks, and end its tasks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine
from typing import Any

from ..redaction import displayable, redact
from ..sinks.base import Sink
from ..sources import Source
from ..types import StateChange, StreamState
from .arrival import Arrival
from .event_loop import Loop

_LEAVING = 8.0
"A room has so long to say good-bye, s."


class Members:
    """Base of the rooms. What begins with an underscore belongs to the event loop, unless it says otherwise.

    Args:
        name: of the room, credentials removed.
    """

    sink: Sink | None = None
    results: Sink | None = None
    ended = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._loop: Loop | None = None
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._changes: list[StateChange] = []
        self._wake: threading.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def arrivals(self) -> list[Arrival]:
        """See `Room.arrivals`."""
        with self._lock:
            found, self._arrivals = self._arrivals, []
        return found

    def changes(self) -> list[StateChange]:
        """See `Room.changes`."""
        with self._lock:
            found, self._changes = self._changes, []
        return found

    def close(self) -> None:
        """See `Room.close`."""
        loop, self._loop = self._loop, None
        if loop is not None:
            with contextlib.suppress(TimeoutError):
                loop.call(self._leave(), _LEAVING)
            loop.close()

    def _hold(self, wake: threading.Event) -> Loop:
        """Take hold of the event loop; wake is set whenever there is something to ask for. From any thread."""
        self._wake, self._loop = wake, Loop()
        return self._loop

    def _came(self, who: str, source: Source, results: Sink | None = None) -> None:
        """Somebody is to be watched. From any thread."""
        with self._lock:
            self._arrivals.append(Arrival(who, source, results))
        self._rouse()

    def _tell(self, state: StreamState, detail: str, who: str | None = None) -> None:
        """Something became of the room, or of somebody in it. From any thread."""
        with self._lock:
            self._changes.append(StateChange(state, detail, time.monotonic(), who))
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task that ends with the room."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        """No task dies in silence: what it raised is told as what became of the room."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell("stalled", redact(f"{type(error).__name__}: {error}"))

    async def _leave(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._goodbye()

    async def _goodbye(self) -> None:
        """Close every connection."""
        raise NotImplementedError


def unlike(wish: str, taken: set[str]) -> str:
    """Return a name of at most 40 characters, numbered where somebody has it."""
    wish = displayable(redact(wish)).strip()[:40]
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish} ({number})", number + 1
    return name
