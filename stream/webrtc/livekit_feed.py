"""What LiveKit's SDK gives of one participant, decoded, in the shape that the rest of truefeed takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import numpy.typing as npt

from ..errors import MissingExtraError
from ..sources.base import Tally
from .frame_queue import Entry, FrameQueue

if TYPE_CHECKING:
    from livekit import rtc as rtc

_RATE = 48000
_VIDEO, _SOUND = 4, 100
"Frames that may wait in the SDK; more, and it drops the oldest."
_MEASURE = 1.0
_AGREE = 1.0
"Stamps that run from the clock by more start anew, s."
Plane = npt.NDArray[np.uint8]


def sdk() -> Any:
    """Return the SDK. Raises MissingExtraError."""
    try:
        from livekit import rtc
    except ModuleNotFoundError:
        raise MissingExtraError("livekit", "livekit") from None
    return rtc


class Feed:
    """One participant: what `Peer` is for the other ways in. For the event loop, but for `inbox` and `report`."""

    def __init__(self, tally: Tally) -> None:
        self.inbox = FrameQueue()
        self.tally = tally
        self.heard: float | None = time.monotonic()  # the server told of it; who has all muted lives too
        self.connected = True
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        self._offset: float | None = None
        self._sound_end = float("-inf")
        self._frames = 0
        self._size: tuple[int, int] | None = None
        self._latest: float | None = None

    def watch(self, track: Any, *, video: bool) -> None:
        """Take a track that was subscribed to; one of the same kind before it is let go of."""
        kind = "video" if video else "audio"
        self.release(video=video)
        self._tasks[kind] = asyncio.ensure_future(self._pictures(track) if video else self._sounds(track))
        if video:
            self._tasks["stats"] = asyncio.ensure_future(self._measure(track))

    def release(self, *, video: bool) -> None:
        """Let go of the track of a kind."""
        for kind in ("video", "stats") if video else ("audio",):
            task = self._tasks.pop(kind, None)
            if task is not None:
                task.cancel()

    async def close(self, why: str = "closed") -> None:
        """Take no more; may be called twice."""
        self.inbox.close(why)
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def report(self) -> dict[str, Any]:
        """Return the figures of the connection, by the names of the `stats` event."""
        width, height = self._size or (None, None)
        return {
            "connection": "connected" if self.connected else "disconnected",
            **self._told,
            "frames_decoded": self._frames,
            "frame_age_ms": None if self._latest is None else (time.monotonic() - self._latest) * 1000,
            "width": width,
            "height": height,
            "queue_dropped": self.inbox.dropped,
        }

    async def _pictures(self, track: Any) -> None:
        rtc = sdk()
        stream = rtc.VideoStream(track, capacity=_VIDEO, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                self.picture(event.frame, int(event.rotation), event.timestamp_us / 1e6)
        finally:
            await stream.aclose()

    async def _sounds(self, track: Any) -> None:
        stream = sdk().AudioStream(track, capacity=_SOUND, sample_rate=_RATE, num_channels=1)
        try:
            async for event in stream:
                self.sound(event.frame)
        finally:
            await stream.aclose()

    def picture(self, frame: rtc.VideoFrame, rotation: int, seconds: float) -> None:
        """Put a picture into the inbox.

        Args:
            frame: of any size.
            rotation: quarter turns clockwise that set it upright.
            seconds: its timestamp, s.
        """
        now = time.monotonic()
        gap = self._offset is None or abs(seconds + self._offset - now) > _AGREE
        if gap:
            self._offset = now - seconds
        assert self._offset is not None
        picture = upright(frame, rotation)
        self.heard = self._latest = now
        self._frames += 1
        self._size = picture.width, picture.height
        rate, loss = self._told.get("bitrate_kbps"), self._told.get("loss")
        self.inbox.put(Entry("video", picture, seconds + self._offset, now, rate, loss, gap))

    def sound(self, frame: rtc.AudioFrame) -> None:
        """Put sound into the inbox: mono or not, 16 bits."""
        now = time.monotonic()
        length = frame.samples_per_channel / frame.sample_rate
        stamp = self._sound_end
        if abs(stamp + length - now) > _AGREE / 2:
            stamp = now - length
        self._sound_end = stamp + length
        samples = np.frombuffer(frame.data, np.int16)[None]
        layout = "mono" if frame.num_channels == 1 else f"{frame.num_channels}c" if frame.num_channels > 2 else "stereo"
        decoded = av.AudioFrame.from_ndarray(samples, "s16", layout)
        decoded.sample_rate = frame.sample_rate
        self.heard = now
        self.inbox.put(Entry("audio", decoded, stamp, now))

    async def _measure(self, track: Any) -> None:
        while True:
            await asyncio.sleep(_MEASURE)
            try:
                stats = await track.get_stats()
            except Exception as error:  # the SDK raises no other; a track that has just ended has no figures
                self._told["detail"] = type(error).__name__
                return
            self.count(stats, time.monotonic())

    def count(self, stats: Iterable[Any], now: float) -> None:
        """Take the SDK's statistics of the video track at a moment, s."""
        for one in stats:
            if one.WhichOneof("stats") == "codec":
                self._told["codec"] = one.codec.codec.mime_type.rpartition("/")[2]
            if one.WhichOneof("stats") != "inbound_rtp":
                continue
            received, inbound = one.inbound_rtp.received, one.inbound_rtp.inbound
            before, self._counts = (
                self._counts,
                {
                    "at": now,
                    "bytes": inbound.bytes_received,
                    "received": received.packets_received,
                    "lost": received.packets_lost,
                },
            )
            self._told |= {
                "packets_received": received.packets_received,
                "packets_lost": received.packets_lost,
                "jitter_ms": received.jitter * 1000,
                "pli": inbound.pli_count,
                "nack": inbound.nack_count,
            }
            if before and now > before["at"]:
                self._rates(before)

    def _rates(self, before: dict[str, Any]) -> None:
        now = self._counts
        lost, got = max(now["lost"] - before["lost"], 0), now["received"] - before["received"]
        if lost + got > 0:
            share = lost / (lost + got)
            smooth = self._told.get("loss")
            self._told["loss"] = share if smooth is None else 0.7 * smooth + 0.3 * share
        self._told["bitrate_kbps"] = max(now["bytes"] - before["bytes"], 0) * 8 / (now["at"] - before["at"]) / 1000


def upright(frame: rtc.VideoFrame, rotation: int) -> av.VideoFrame:
    """Return a picture set upright by so many quarter turns clockwise."""
    buffers = sdk().VideoBufferType
    width, height = frame.width, frame.height
    if frame.type != buffers.I420:
        frame = frame.convert(buffers.I420)
    if width % 2 or height % 2:
        image = np.frombuffer(frame.convert(buffers.RGB24).data, np.uint8).reshape(height, width, 3)
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(image, -rotation)), "rgb24")
    data, luma = np.frombuffer(frame.data, np.uint8), width * height
    shapes: list[Plane] = [
        data[:luma].reshape(height, width),
        data[luma : luma * 5 // 4].reshape(height // 2, width // 2),
        data[luma * 5 // 4 : luma * 3 // 2].reshape(height // 2, width // 2),
    ]
    if rotation % 4:
        shapes = [np.rot90(plane, -rotation) for plane in shapes]
    across = shapes[0].shape[1]
    return av.VideoFrame.from_ndarray(np.concatenate([p.reshape(-1) for p in shapes]).reshape(-1, across), "yuv420p")
