"""What gives not one source but one a participant, who come and go."""

from __future__ import annotations

import threading
from typing import Protocol

from ..sinks.base import Sink
from ..types import StateChange
from ..webrtc.arrival import Arrival


class Room(Protocol):
    """A call, or a server to which participants publish. Its methods are called from the watch loop's thread."""

    name: str
    "Credentials removed."

    @property
    def sink(self) -> Sink | None:
        """What takes the results of every source, in this room or not; None where nobody does."""

    @property
    def results(self) -> Sink | None:
        """What takes the news of the room itself; None where nothing goes back."""

    @property
    def ended(self) -> bool:
        """True once nobody can come any more."""

    def start(self, wake: threading.Event) -> None:
        """Enter, or open the door; `wake` is to be set whenever somebody came. Raises TruefeedError."""

    def arrivals(self) -> list[Arrival]:
        """Return everyone who came since the last call."""

    def changes(self) -> list[StateChange]:
        """Return what became of the room itself since the last call."""

    def close(self) -> None:
        """Leave. May be called twice. The sources have ended, or end by it."""
