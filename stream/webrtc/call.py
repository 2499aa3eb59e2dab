"""The call of `truefeed serve`: a room that is entered by publishing to it. What speaks HTTP stands above, in web."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..redaction import encodable
from ..sinks.jsonl import dumps
from ..sources import SourceOptions
from .deps import check
from .ice import configuration
from .results_sink import Results
from .room_base import Members
from .signaling import Switchboard
from .whip import Session, Whip


class Call(Members):
    """A room that is entered by publishing to it.

    Args:
        options: how participants are watched, with the token.
        listener: takes every event as a line of JSON, in the event loop.

    Raises:
        MissingExtraError: aiortc is absent.
        ConfigError: a wrong ICE server.
    """

    def __init__(self, options: SourceOptions, listener: Callable[[Mapping[str, Any]], None]) -> None:
        check()
        configuration(options)
        super().__init__("call")
        self.results = Results(partial(self._told, None))
        self.options = options
        self.board = Switchboard()
        self.whip = Whip(options, self.name, self._arrived, self._left)
        self._listener = listener

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`."""
        self._hold(wake)

    def opened(self, where: str) -> None:
        """Tell that the door is open, and where."""
        self._tell("online", where)

    def _told(self, session: Session | None, event: Mapping[str, Any]) -> None:
        """Pass an event to the listener, and to the participant whom it is about. From any thread."""
        if self._loop is not None:
            self._loop.soon(self._pass, session, event)

    def present(self) -> list[str]:
        """Return the events that tell who is there."""
        return [dumps(_presence(session.name)) for session in self.whip.sessions.values()]

    def _pass(self, session: Session | None, event: Mapping[str, Any]) -> None:
        self._listener(event)
        if session is not None:
            session.peer.send(encodable(dumps(event)))

    def _arrived(self, session: Session) -> None:
        self._came(session.name, session.source, Results(partial(self._told, session)))
        self._listener(_presence(session.name))

    def _left(self, name: str, why: str) -> None:
        self.board.left(name)
        self._listener({**_presence(name), "present": False, "detail": why})

    async def _goodbye(self) -> None:
        await self.whip.close()


def _presence(name: str) -> dict[str, Any]:
    return {"event": "participant", "name": name, "present": True}
