"""What gives not one source but one a participant, who come and go."""

from __future__ import annotations

import threading
from typing import Protocol

from ..sinks.base import Sink
from ..sources import Source
from ..types import StateChange


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
