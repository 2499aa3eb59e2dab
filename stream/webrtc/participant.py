"""One participant of a room as a source: ends when the person leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from ..sources.base import Item, Tally
from ..sources.reconnect import StalledError
from ..sources.timestamps import Timeline
from ..types import StateChange
from .reader import Feed, Reception


class ParticipantSource:
    """Reads a peer that somebody else has connected.

    Args:
        name: what to call it.
        peer: of this participant.
        tally: that the peer counts in.
        stall: s.
        leave: called once when nothing more is read; it closes the peer, and does not wait.
        audio: also take the sound.
        signalled: `leave` is not the only end: somebody closes the peer when its person goes.
    """

    live = True

    def __init__(
        self,
        name: str,
        peer: Feed,
        tally: Tally,
        *,
        stall: float,
        leave: Callable[[str], None],
        audio: bool = True,
        signalled: bool = False,
    ) -> None:
        self.name, self.tally, self.peer = name, tally, peer
        self._stall, self._leave, self._audio, self._signalled = stall, leave, audio, signalled

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`."""
        yield StateChange("connecting", arrived=time.monotonic())
        reception = Reception(
            self.peer,
            Timeline(live=True),
            self.tally,
            stall=self._stall,
            patient=True,
            signalled=self._signalled,
            audio=self._audio,
        )
        why = "stopped"
        try:
            for item in reception.items(stop):
                if item is not None:
                    yield item
            why = self.peer.inbox.closed or why
        except StalledError as error:
            why = str(error)
        finally:
            self._leave(why)
        yield StateChange("ended", why, time.monotonic())

    def report(self) -> dict[str, Any]:
        """See `Reporting`."""
        return self.peer.report()

    def close(self) -> None:
        """Leave; may be called twice."""
        self._leave("stopped")
