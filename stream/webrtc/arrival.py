"""Who came into a room."""

from __future__ import annotations

from dataclasses import dataclass

from ..sinks.base import Sink
from ..sources.base import Source


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who came into a room and is to be watched."""

    name: str
    "Under which the others see them; in use once at a time."
    source: Source
    results: Sink | None = None
    "Takes what is thought of this one and of nobody else; None where nothing goes back."
