"""The queue to a decoder: no damaged picture gets through it, nor more than it has room for."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from ..sources.bitrate import BitrateMeter

BACKLOG = 30
"Compressed pictures that may wait for the decoder: a second of them."
_REMEMBERED = 256


class Gate(queue.Queue[Any]):
    """The queue to the decoder: lets pictures through from a keyframe on, and none after a loss until the next one."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.waiting = kind == "video"
        "For a keyframe."
        self.skipped = 0
        "Compressed pictures that were not decoded."
        self.decode_errors = 0
        self.bitrate = BitrateMeter()
        self.codec: str | None = None
        self.origin: int | None = None
        "What aiortc subtracts from RTP timestamps."
        self.keep: Callable[[str, Any, bool, float], object] | None = None
        "Takes what goes to the decoder as well: codec, frame, whether it is a keyframe, and when it arrived, s."
        self.keyed = float("-inf")
        "When the latest keyframe came, s."
        self._gap = False
        self._known: dict[int, tuple[float, float | None, bool]] = {}

    def lost(self) -> None:
        """Frames are missing from here on."""
        if self.kind == "video":
            self.waiting = True

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take (codec, frame) from the jitter buffer, or None for the end; wait for room for timeout at most, s."""
        if item is None:
            super().put(item)
            return
        codec, frame = item
        self.codec = codec.name
        self.origin = getattr(frame, "rtp", frame.timestamp) - frame.timestamp
        arrived = getattr(frame, "arrived", None) or time.monotonic()
        if self.kind == "video" and not self._admits(codec.name, frame.data, arrived):
            return
        rate = None
        if self.kind == "video":
            self.bitrate.add(frame.timestamp / 90000, len(frame.data))
            rate = self.bitrate.kbps
        self._known[frame.timestamp] = arrived, rate, self._gap
        self._gap = False
        while len(self._known) > _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        if self.keep is not None:
            self.keep(codec.name, frame, self.keyed == arrived or self.kind == "audio", arrived)
        super().put(item)

    def _admits(self, codec: str, data: bytes, arrived: float) -> bool:
        if self.qsize() >= BACKLOG:  # the decoder is too slow for this stream
            self.waiting = True
        elif is_keyframe(codec, data):
            self.waiting, self.keyed = False, arrived
        if self.waiting:
            self.skipped += 1
            self._gap = True
        return not self.waiting

    def about(self, pts: int | None) -> tuple[float, float | None, bool]:
        """Return (arrived, kbit/s, whether frames are missing before it) of a decoded frame, and forget it."""
        return self._known.pop(-1 if pts is None else pts, (time.monotonic(), None, False))


def is_keyframe(codec: str, data: bytes) -> bool:
    """Tell whether a whole compressed picture can be decoded by itself; True for codecs that are not known."""
    if codec == "VP8":
        return bool(data) and not data[0] & 1  # RFC 6386, section 9.1
    if codec == "H264":
        start = data.find(b"\0\0\1")
        while 0 <= start < len(data) - 3:
            if data[start + 3] & 0x1F in (5, 7):  # IDR, or the parameters that come before one
                return True
            start = data.find(b"\0\0\1", start + 3)
        return False
    return True
