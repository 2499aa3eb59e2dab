"""What gives not one source but one a participant, who come and go."""

from __future__ import annotations

import threading
from typing import Protocol

from .sinks.base import Sink
from .sources import Source, SourceOptions
from .values import StateChange


class Room(Protocol):
    """A call, or a server to which participants publish. Its methods are called from the watch loop's thread."""

    name: str
    "Credentials removed."

    @property
    def sink(self) -> Sink | None:
        """What of the room takes the results of all sources, where it has a use for them."""

    @property
    def ended(self) -> bool:
        """True once nobody can come any more."""

    def start(self, wake: threading.Event) -> None:
        """Enter, or open the door; `wake` is to be set whenever somebody came. Raises TruefeedError."""

    def arrivals(self) -> list[tuple[str, Source]]:
        """Return name and source of everyone who came since the last call; no name is in use twice at a time."""

    def changes(self) -> list[StateChange]:
        """Return what became of the room itself since the last call."""

    def close(self) -> None:
        """Leave. May be called twice. The sources have ended, or end by it."""


def open_room(url: str, options: SourceOptions, title: str) -> Room | None:
    """Return the room that a URL names; None where it is none.

    Args:
        url: `janus+ws://HOST:PORT/?room=NUMBER` or `livekit+wss://HOST/ROOM`.
        options: for each participant.
        title: under which truefeed is seen in the room.

    Raises:
        TruefeedError: a room that can't be entered as it is written.
    """
    scheme = url.partition(":")[0].lower()
    if scheme in ("janus+ws", "janus+wss"):
        from .webrtc.janus import JanusRoom

        return JanusRoom(url, options, title)
    if scheme in ("livekit+ws", "livekit+wss"):
        from .webrtc.livekit import LiveKitRoom

        return LiveKitRoom(url, options, title)
    return None
