"""What is added to an aiortc receiver: no damaged picture, no unbounded queue, keyframe requests, figures.

aiortc decodes every frame that its jitter buffer completes, also after frames were lost, and waits for a lost packet
until 512 others have come. Here its buffer, the queue to its decoder and its error flag are replaced before it starts.
These are private parts of aiortc: `attach` fails at once, in words, with a release that has other ones.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import TruefeedError
from ..sources.bitrate import BitrateMeter
from .deps import JitterBuffer, aiortc

BLOCKED = 0.6
"A lost packet that was asked for again has so long to come; then its frame is given up, s."
BACKLOG = 30
"Compressed pictures that may wait for the decoder: a second of them."
_REMEMBERED = 256
_LATE = 100
"aiortc takes a packet that is behind by more for a new beginning."


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
        """Take (codec, frame) from the jitter buffer, or None for the end."""
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


class WatchedBuffer(JitterBuffer):
    """A jitter buffer that gives up a frame after BLOCKED, and tells of every loss."""

    def __init__(self, gate: Gate, given_up: Callable[[], object] = lambda: None) -> None:
        """Make the buffer; given_up is called where lost packets are not waited for any longer."""
        video = gate.kind == "video"
        super().__init__(capacity=512 if video else 16, prefetch=0 if video else 4, is_video=video)
        self._gate, self._given_up = gate, given_up
        self._seen: dict[int, tuple[float, float]] = {}
        "RTP timestamp -> when the first and the last packet of it came."

    def blocked(self, now: float) -> float:
        """Return for how long the oldest frame has been waiting for a packet while newer ones came, s."""
        if len(self._seen) < 3:
            return 0.0
        return now - next(iter(self._seen.values()))[0]

    def add(self, packet: Any) -> Any:
        """See JitterBuffer.add."""
        if self._origin is not None and 0 < (self._origin - packet.sequence_number) % 65536 < _LATE:
            return super().add(packet)  # of a frame that has gone by, such as the second copy of a packet asked for
        now = time.monotonic()
        first, _ = self._seen.get(packet.timestamp, (now, now))
        self._seen[packet.timestamp] = first, now
        added: Any = super().add(packet)
        lost, frame = added
        if frame is None and self._is_video and self.blocked(now) > BLOCKED:
            self.remove(self.capacity)
            self._origin = None
            added = super().add(packet)
            lost, frame = True, added[1]
            self._seen = {packet.timestamp: (now, now)}
        if lost:
            self._gate.lost()
            self._given_up()
        if frame is not None:
            frame.arrived, frame.rtp = self._seen.pop(frame.timestamp, (now, now))[1], frame.timestamp
            for old in [t for t, (begin, _) in self._seen.items() if begin < first and now - begin > 2 * BLOCKED]:
                del self._seen[old]
        elif len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return lost, frame


class _Trouble(threading.Event):
    """aiortc's flag that a frame could not be decoded."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def set(self) -> None:
        self._gate.decode_errors += 1
        self._gate.lost()
        super().set()


def attach(receiver: aiortc.RTCRtpReceiver, kind: str) -> tuple[Gate, WatchedBuffer, Callable[[], list[int]]]:
    """Replace the inner parts of a receiver that has not started; return them, and what lists its missing packets."""
    own = vars(receiver)
    names = {name: f"_RTCRtpReceiver__{name}" for name in ("decoder_queue", "jitter_buffer", "decoder_error")}
    nacks = "_RTCRtpReceiver__nack_generator"
    if not {*names.values(), nacks} <= own.keys():
        raise TruefeedError("this release of aiortc is built otherwise: pip install 'truefeed[webrtc]' again")
    gate = Gate(kind)
    generator = own[nacks]
    buffer = WatchedBuffer(gate, generator.missing.clear if generator is not None else lambda: None)
    own[names["decoder_queue"]], own[names["jitter_buffer"]], own[names["decoder_error"]] = (
        gate,
        buffer,
        _Trouble(gate),
    )

    def missing() -> list[int]:
        return sorted(generator.missing) if generator is not None else []

    return gate, buffer, missing
