"""From the event loop to a capture thread: the receive loops put and never wait, the thread takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from .recorder import Coded

PICTURES = 4
"Decoded pictures that may wait: the thread only converts them, so more than one waiting means trouble."
SOUNDS = 100
"Two seconds of Opus."
CODED = 1000
"Compressed pictures and pieces of sound; a thread that lags by so many has other troubles."
OLDEST = 1.0
"A picture that has waited longer is dropped, s."


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One decoded frame."""

    kind: Literal["video", "audio"]
    frame: VideoFrame | AudioFrame
    stamp: float
    "On one clock for sound and picture of a peer, s."
    arrived: float
    "When the last packet of it was received, s, monotonic."
    bitrate_kbps: float | None = None
    "Of the video, compressed."
    loss: float | None = None
    "As in values.Frame."
    gap: bool = False
    "Pictures are missing before this one."


class FrameQueue:
    """A bounded queue of decoded frames; a full one drops its oldest of that kind and counts it."""

    def __init__(self) -> None:
        self.dropped = 0
        "Pictures dropped because they waited too long or too many waited."
        self._changed = threading.Condition()
        self._entries: deque[Entry] = deque()
        self._waiting = {"video": 0, "audio": 0}
        self._closed: str | None = None
        self._coded: deque[Coded] = deque(maxlen=CODED)

    def record(self, coded: Coded) -> None:
        """Keep something compressed; never waits. Nobody is woken: a decoded picture will follow."""
        with self._changed:
            if self._closed is None:
                self._coded.append(coded)

    def recorded(self) -> list[Coded]:
        """Take everything compressed, oldest first."""
        with self._changed:
            found = list(self._coded)
            self._coded.clear()
        return found

    def put(self, entry: Entry) -> None:
        """Append; never waits."""
        with self._changed:
            if self._closed is not None:
                return
            if self._waiting[entry.kind] >= (PICTURES if entry.kind == "video" else SOUNDS):
                oldest = next(e for e in self._entries if e.kind == entry.kind)
                self._entries.remove(oldest)
                self._dropped(oldest)
            self._entries.append(entry)
            self._waiting[entry.kind] += 1
            self._changed.notify()

    def take(self, timeout: float) -> Entry | None:
        """Take the oldest that is not too old; None where nothing comes within `timeout` s or the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._closed is not None, timeout)
            while self._entries:
                entry = self._entries.popleft()
                if entry.kind == "video" and time.monotonic() - entry.arrived > OLDEST:
                    self._dropped(entry)
                    continue
                self._waiting[entry.kind] -= 1
                return entry
            return None

    def _dropped(self, entry: Entry) -> None:
        self._waiting[entry.kind] -= 1
        self.dropped += entry.kind == "video"

    def close(self, why: str) -> None:
        """Take no more; what is held can still be taken. The first reason stays."""
        with self._changed:
            if self._closed is None:
                self._closed = why
            self._changed.notify_all()

    @property
    def closed(self) -> str | None:
        """Why nothing more comes, once everything was taken; None while something may."""
        with self._changed:
            return None if self._entries else self._closed
