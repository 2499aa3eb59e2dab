"""One track as it comes in: what is watched of it, asked for again, and counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from ..sources.base import Tally
from .aiortc_hooks import attach, codec_of, overhear, request_keyframe, request_packets
from .avsync import Clock
from .deps import RtcpByePacket, RtcpSrPacket, StreamStatistics, aiortc
from .frame_queue import Entry, FrameQueue
from .recorder import KEYFRAME_EVERY, Coded

_TICK = 0.1
_PLI_EVERY = 0.5
"A keyframe is asked for no more often, s."
_NACK_MOST = 64


class Receiver:
    """One track as it comes in.

    Args:
        receiver: of aiortc; it has not started.
        kind: `video` or `audio`.
        clock: of the peer.
        tally: counts for the source.
        tape: takes what is compressed, where that is wanted.
    """

    def __init__(
        self, receiver: aiortc.RTCRtpReceiver, kind: str, clock: Clock, tally: Tally, tape: FrameQueue | None = None
    ) -> None:
        self.heard: float | None = None
        self._receiver, self._kind, self._clock, self._tally = receiver, kind, clock, tally
        self._gate, self._buffer, self._missing = attach(receiver, kind)
        self._tape = tape
        if tape is not None:
            self._gate.keep = self._keep
        self._ssrc: int | None = None
        self._counted: StreamStatistics | None = None
        self._pli = self._nack = self._frames = 0
        self._asked = float("-inf")
        self._size: tuple[int, int] | None = None
        self._latest: float | None = None
        self._told: dict[str, Any] = {}
        self._before = (0, 0)
        self._pictures: tuple[int, int] | None = None
        "Decoded and skipped until the last time; None before the first, as who joins waits for a keyframe anyway."
        self._missing_pictures: float | None = None
        self._rtp, self._rtcp = overhear(receiver, self._on_rtp, self._on_rtcp)

    async def _on_rtp(self, packet: Any, arrival_time_ms: int) -> None:
        self.heard = time.monotonic()
        if not self._is_repair(packet):
            if self._counted is None or self._ssrc != packet.ssrc:
                self._ssrc, self._before = packet.ssrc, (0, 0)
                self._counted = StreamStatistics(90000 if self._kind == "video" else 48000)
            self._counted.add(packet)
        await self._rtp(packet, arrival_time_ms=arrival_time_ms)

    def _is_repair(self, packet: Any) -> bool:
        codec = codec_of(self._receiver, packet.payload_type)
        return codec is None or codec.lower() == "rtx"

    async def _on_rtcp(self, packet: Any) -> None:
        self.heard = time.monotonic()
        if isinstance(packet, RtcpByePacket):
            return  # a browser says so when its camera is turned off; aiortc would never decode again
        if isinstance(packet, RtcpSrPacket) and self._gate.origin is not None:
            info = packet.sender_info
            self._clock.report(self._kind, info.ntp_timestamp / 2**32, info.rtp_timestamp - self._gate.origin)
        await self._rtcp(packet)

    async def tend(self) -> None:
        """Ask for keyframes and, again, for lost packets; collect figures."""
        count = 0
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            self._tally.decode_errors += self._gate.decode_errors
            self._gate.decode_errors = 0
            if self._kind == "video" and self._ssrc is not None and self.heard and now - self.heard < 1:
                await self._repair(self._ssrc, now)
            count += 1
            if count % 10 == 0:
                self._measure()

    async def _repair(self, ssrc: int, now: float) -> None:
        stale = self._tape is not None and now - max(self._gate.keyed, self._asked) > KEYFRAME_EVERY
        if (self._gate.waiting and now - self._asked >= _PLI_EVERY) or stale:
            self._asked = now
            self._pli += 1
            await request_keyframe(self._receiver, ssrc)
        missing = self._missing() if self._buffer.blocked(now) > _TICK else []
        if missing:
            self._nack += 1
            await request_packets(self._receiver, ssrc, missing[-_NACK_MOST:])

    def _keep(self, codec: str, frame: Any, key: bool, arrived: float) -> None:
        assert self._tape is not None
        stamp = self._clock.at(self._kind, frame.timestamp, arrived)
        kind: Literal["video", "audio"] = "video" if self._kind == "video" else "audio"
        self._tape.record(Coded(kind, codec, bytes(frame.data), stamp, key, arrived))

    def _measure(self) -> None:
        """Sum up what came since the last time. aiortc's own report has only one of the picture's two streams."""
        counted = self._counted
        if counted is None:
            return
        rate = 90000 if self._kind == "video" else 48000
        lost, received = counted.packets_lost - self._before[0], counted.packets_received - self._before[1]
        self._before = counted.packets_lost, counted.packets_received
        if self._pictures is not None:
            shown, skipped = self._frames - self._pictures[0], self._gate.skipped - self._pictures[1]
            self._missing_pictures = _smooth(self._missing_pictures, skipped, shown)
        if self._frames:
            self._pictures = self._frames, self._gate.skipped
        self._told = {
            "packets_received": counted.packets_received,
            "packets_lost": counted.packets_lost,
            "loss": _smooth(self._told.get("loss"), lost, received),
            "jitter_ms": counted.jitter / rate * 1000,
        }

    def entry(self, frame: Any) -> Entry | None:
        """Return a decoded frame with all that is known of it; None where it is damaged."""
        arrived, rate, gap = self._gate.about(frame.pts)
        video = self._kind == "video"
        if video and frame.is_corrupt:
            self._tally.decode_errors += 1
            self._gate.lost()
            return None
        if video and self._gate.waiting:
            return None  # was on its way through the decoder when the loss was noticed, and may build on it
        self._frames += 1
        self._latest = arrived
        if video:
            self._size = frame.width, frame.height
        stamp = self._clock.stamp(self._kind, frame.pts, arrived)
        return Entry("video" if video else "audio", frame, stamp, arrived, rate, self._loss, gap)

    @property
    def _loss(self) -> float | None:
        return max((x for x in (self._told.get("loss"), self._missing_pictures) if x is not None), default=None)

    def report(self, prefix: str) -> dict[str, Any]:
        """Return the figures of the track, their names led by prefix."""
        figures: dict[str, Any] = {"codec": self._gate.codec, **self._told}
        if self._kind == "video":
            age = None if self._latest is None else (time.monotonic() - self._latest) * 1000
            width, height = self._size or (None, None)
            figures |= {
                "bitrate_kbps": self._gate.bitrate.kbps,
                "frames_decoded": self._frames,
                "frames_skipped": self._gate.skipped,
                "frame_age_ms": age,
                "width": width,
                "height": height,
                "pli": self._pli,
                "nack": self._nack,
            }
        return {prefix + name: value for name, value in figures.items()}


def _smooth(before: float | None, lost: int, received: int) -> float | None:
    """Return the share that was lost, from that of the last seconds and what came in the latest."""
    lost = max(lost, 0)
    if lost + received <= 0:
        return before
    share = lost / (lost + received)
    return share if before is None else 0.7 * before + 0.3 * share
