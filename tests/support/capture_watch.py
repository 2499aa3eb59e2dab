"""Takes what a capture gives, as a consumer does, until something has happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.types import AudioChunk, Frame, StateChange


@dataclass
class Seen:
    """What a consumer saw."""

    frames: list[Frame] = field(default_factory=list)
    chunks: list[AudioChunk] = field(default_factory=list)
    states: list[StateChange] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [change.state for change in self.states]


def watch(capture: Capture, until: Callable[[Seen], object], seen: Seen | None = None, limit: float = 15.0) -> Seen:
    """Take what comes until the condition holds."""
    seen = seen or Seen()
    deadline = time.monotonic() + limit
    while not until(seen):
        assert time.monotonic() < deadline, f"never happened: {seen.states}, {len(seen.frames)} frames"
        item = capture.poll(0.1)
        assert not isinstance(item, End)
        if isinstance(item, Frame):
            seen.frames.append(item)
        elif isinstance(item, AudioChunk):
            seen.chunks.append(item)
        elif item is not None:
            seen.states.append(item)
    return seen
