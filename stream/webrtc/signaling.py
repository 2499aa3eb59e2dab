"""Lets the pages of a call find each other: what one says to another over its WebSocket is passed on, unread.

`GET /session/ID/talk`, with the ID of a session that WHIP has opened, enters the conversation. The page is told
`{"event":"room","name":ITS_OWN,"others":[...]}`, and the others `{"event":"peer","name":...,"present":true}`. What it
sends as `{"to":NAME,"signal":...}` reaches that one as `{"event":"signal","from":...,"signal":...}`. Pictures and sound
then go from browser to browser; who publishes with another program is watched all the same, but not called.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..sinks.jsonl import dumps

LONGEST = 32768
"Of a message, bytes: several times an offer."
RATE, BURST = 20.0, 60.0
"Messages a second that are passed on for one participant, over a while, and at once."
_WAITING = 100
"Messages that may wait for a participant before it is let go of."


class Socket(Protocol):
    """A WebSocket, whatever holds it."""

    async def send(self, text: str) -> None:
        """Send a message. Raises ConnectionError."""

    async def receive(self) -> str | None:
        """Return the next message of text; None where there is none any more."""

    async def close(self) -> None:
        """End it."""


@dataclass(eq=False, slots=True)
class _Line:
    """One participant's."""

    waiting: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))
    allowance: float = BURST
    asof: float = field(default_factory=time.monotonic)

    def say(self, event: dict[str, Any]) -> None:
        if self.waiting.full():
            self.end()
        else:
            self.waiting.put_nowait(dumps(event))

    def end(self) -> None:
        """Have the connection closed."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)

    def may(self) -> bool:
        now = time.monotonic()
        self.allowance = min(self.allowance + (now - self.asof) * RATE, BURST) - 1
        self.asof = now
        return self.allowance >= 0


class Switchboard:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def serve(self, socket: Socket, name: str) -> None:
        """Hold a participant's WebSocket until either side ends it. A second one of the same name takes its place."""
        self.left(name)
        line = _Line()
        line.say({"event": "room", "name": name, "others": list(self._lines)})
        self._announce(name, present=True)
        self._lines[name] = line
        writer = asyncio.ensure_future(_write(socket, line))
        try:
            while (text := await socket.receive()) is not None:
                self._pass(name, line, text)
        finally:
            writer.cancel()
            if self._lines.get(name) is line:
                self.left(name)

    def left(self, name: str) -> None:
        """End a participant's connection, and tell the others that it is gone."""
        line = self._lines.pop(name, None)
        if line is not None:
            line.end()
            self._announce(name, present=False)

    def _pass(self, name: str, line: _Line, text: str) -> None:
        """Pass a message on; what is none, or too much, is left out."""
        try:
            message: Any = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not line.may() or not isinstance(message, dict) or "signal" not in message:
            return
        other = self._lines.get(str(message.get("to")))
        if other is not None and other is not line and self._lines.get(name) is line:
            other.say({"event": "signal", "from": name, "signal": message["signal"]})

    def _announce(self, name: str, *, present: bool) -> None:
        for other in list(self._lines.values()):
            other.say({"event": "peer", "name": name, "present": present})


async def _write(socket: Socket, line: _Line) -> None:
    while (text := await line.waiting.get()) is not None:
        try:
            await socket.send(text)
        except ConnectionError:
            return
    await socket.close()
