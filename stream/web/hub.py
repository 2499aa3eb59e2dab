"""What happens, told to whoever listens: Server-Sent Events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..sinks.jsonl import dumps

LISTENERS = 64
_WAITING = 200
"Events that may wait for a slow listener before the oldest goes."
_ALIVE = 10.0
"Without an event for so long a comment is sent, s: also how a listener's end is noticed."


@dataclass(eq=False, slots=True)
class _Listener:
    wants: Callable[[str, str], bool]
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def put(self, text: str | None) -> None:
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(text)


class Hub:
    """May be told from any thread."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._closed = False

    @property
    def full(self) -> bool:
        """True where nobody more may listen."""
        return len(self._listeners) >= LISTENERS

    def watched(self, topic: str, key: str) -> bool:
        """Tell whether anybody listens to a topic."""
        return any(listener.wants(topic, key) for listener in list(self._listeners))

    def tell(self, topic: str, key: str, event: Mapping[str, Any]) -> None:
        """Pass an event to those who want it."""
        text = None
        for listener in list(self._listeners):
            if listener.wants(topic, key):
                text = text or dumps(event)
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    listener.loop.call_soon_threadsafe(listener.put, text)

    async def listen(self, wants: Callable[[str, str], bool], first: list[str] | None = None) -> AsyncIterator[bytes]:
        """Yield events as a listener's stream, until it goes or the server does.

        Args:
            wants: takes topic and key.
            first: events, as JSON, that are told at once.
        """
        listener = _Listener(wants, asyncio.get_running_loop())
        for text in first or ():
            listener.put(text)
        self._listeners.add(listener)
        try:
            yield b": here\n\n"
            while not self._closed:
                try:
                    text_or_end = await asyncio.wait_for(listener.queue.get(), _ALIVE)
                except TimeoutError:
                    yield b": alive\n\n"
                    continue
                if text_or_end is None:
                    return
                yield f"data: {text_or_end}\n\n".encode()
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Let every listener go."""
        self._closed = True
        for listener in list(self._listeners):
            with contextlib.suppress(RuntimeError):
                listener.loop.call_soon_threadsafe(listener.put, None)
