"""One open container: a single demux gives pictures, sound and compressed packets on one time line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet as AvPacket
from av.video.frame import VideoFrame

from ..types import AudioChunk, Frame, StateChange
from .base import Chooser, Item, Tally
from .bitrate import BitrateMeter
from .coverage import Coverage
from .decoder import DecodeOrder, VideoDecoder
from .downmix import Downmix
from .packet_buffer import Packet, StreamInfo, describe
from .reconnect import StalledError
from .selection import select
from .timestamps import Timeline

_BAD_READS = 100
"Unreadable packets in a row after which a container is given up."
_HOPELESS = 20.0
"Video that arrives but gives no picture for so long is opened again, s."


class Session:
    """Reads an open container to its end.

    Args:
        container: of a live source, opened with a short read timeout.
        timeline: of the source; lives longer than the session.
        number: of the session within the source.
        audio: also read the sound.
        only: the index of the one track that is read; None for the first video and the first sound with a decoder.
        coverage: counts what could not be read, of a file.
        chooser: says which pictures are wanted; None: all.
        stall: a live source without a packet or a picture for so long is stalled, s; None for files, which never are.
        ready: waits a little and tells whether the next packet is there; None where reading times out by itself.

    Raises SourceError where nothing in it can be decoded.
    """

    def __init__(
        self,
        container: InputContainer,
        timeline: Timeline,
        tally: Tally,
        *,
        number: int = 0,
        audio: bool = True,
        only: int | None = None,
        coverage: Coverage | None = None,
        chooser: Chooser | None = None,
        stall: float | None = None,
        ready: Callable[[], bool] | None = None,
    ) -> None:
        self._container = container
        self._timeline = timeline
        self._tally = tally
        self._number = number
        self._stall = stall
        self._ready = ready
        chosen = select(container, audio=audio, only=only)
        self._video = chosen.video
        self._streams = chosen.streams
        self.others = chosen.others
        "The tracks that are not read."
        self._coverage = coverage
        self._chooser = chooser
        self._gap = False
        "Whether there was a discontinuity since the latest picture that was wanted."
        for stream in self._streams:
            stream.codec_context.thread_count = 1
        order = DecodeOrder() if container.format.name == "avi" else None
        self._decoder = None if self._video is None else VideoDecoder(self._video, tally, order)
        self._infos: dict[int, StreamInfo] | None = None
        self._downmix = Downmix()
        self._bitrate = BitrateMeter()
        self._shape: tuple[int, ...] | None = None
        self._online = False

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """Yield everything until the end of the container or `stop`, and None where nothing came for a while.

        Raises StalledError and FFmpegError.
        """
        packet_at = picture_at = time.monotonic()
        for packet in self._packets(stop):
            now = time.monotonic()
            if packet is None:
                yield None
            else:
                if packet.stream is self._streams[0] and packet.size:
                    packet_at = now
                for item in self._open(packet, now):
                    if isinstance(item, Frame) or (self._video is None and isinstance(item, AudioChunk)):
                        picture_at = now
                        if not self._online:
                            self._online = True
                            yield StateChange("online", self._unread(), now)
                    yield item
            if self._stall is not None:
                yield from self._look(now, packet_at, picture_at, self._stall)

    def _unread(self) -> str:
        count = len(self.others)
        return f"{count} more track{'s' if count > 1 else ''} of it not judged" if count else ""

    def _look(self, now: float, packet_at: float, picture_at: float, stall: float) -> Iterator[StateChange]:
        if now - packet_at > stall:
            raise StalledError(f"nothing received for {stall:g} s")
        if now - picture_at > max(stall, _HOPELESS):
            raise StalledError(f"no picture could be decoded for {max(stall, _HOPELESS):g} s")
        if self._online and now - picture_at > stall:
            self._online = False
            yield StateChange("stalled", f"no picture for {stall:g} s", now)

    def _packets(self, stop: threading.Event) -> Iterator[AvPacket[Any] | None]:
        """Yield packets, and None where the read timed out."""
        bad = 0
        while not stop.is_set():
            try:
                for packet in self._demuxed():
                    bad = 0
                    if self._coverage is not None and packet is not None:
                        self._coverage.read(packet)
                    yield packet
                    if stop.is_set():
                        return
                if self._coverage is not None:
                    self._coverage.close(self._container, self._streams)
                return
            except (av.error.ExitError, BlockingIOError) as error:
                if self._stall is None:
                    raise
                if isinstance(error, BlockingIOError):
                    stop.wait(0.004)
                yield None
            except ValueError:
                self._tally.decode_errors += 1
                bad += 1
                if bad >= _BAD_READS:
                    raise

    def _demuxed(self) -> Iterator[AvPacket[Any] | None]:
        """Yield packets, and None where it can be told that the next one is not there yet."""
        packets = self._container.demux(self._streams)
        while True:
            if self._ready is not None and not self._ready():
                yield None
            elif (packet := next(packets, None)) is not None:
                yield packet
            else:
                return

    def _open(self, packet: AvPacket[Any], arrived: float) -> list[Item]:
        """Return the packet, if it is worth keeping, and what it completes."""
        decode = self._pictures if packet.stream is self._video else self._sounds
        before = self._tally.decode_errors + self._tally.skipped
        decoded: list[Item] = list(decode(packet, arrived))
        if self._coverage is not None and packet.stream is self._streams[0]:
            self._coverage.good += len(decoded)
            self._coverage.lost += self._tally.decode_errors + self._tally.skipped - before
        if packet.size and self._infos is None and (self._video is None or self._video.codec_context.width):
            self._infos = describe(self._streams)
        info = (self._infos or {}).get(packet.stream_index) if packet.size else None
        return decoded if info is None else [self._kept(packet, info, arrived), *decoded]

    def _kept(self, packet: AvPacket[Any], info: StreamInfo, arrived: float) -> Packet:
        kept = Packet(
            info,
            bytes(packet),
            packet.pts,
            packet.dts,
            packet.duration or 0,
            packet.is_keyframe,
            self._number,
            arrived,
        )
        if info.kind == "video":
            self._bitrate.add(kept.seconds, packet.size)
        return kept

    def _pictures(self, packet: AvPacket[Any], arrived: float) -> Iterator[Frame]:
        assert self._decoder is not None
        assert self._video is not None
        for frame in self._decoder.decode(packet):
            placed = self._timeline.place("video", frame.time, arrived, _length(frame))
            if placed is None:
                continue
            self._gap |= placed[1]
            if not self._wanted(frame, placed[0]):
                continue
            try:
                image = self._decoder.picture(frame, float(self._video.sample_aspect_ratio or 1))
            except (av.error.FFmpegError, ValueError):
                self._tally.decode_errors += 1
                continue
            resized = self._shape not in (None, image.shape)
            self._shape = image.shape
            gap, self._gap = self._gap or resized, False
            yield Frame(image, placed[0], arrived, gap, self._bitrate.kbps)

    def _wanted(self, frame: VideoFrame, t: float) -> bool:
        assert self._decoder is not None
        try:
            if self._chooser is None or self._chooser.wants(t, partial(self._decoder.glance, frame)):
                return True
        except (av.error.FFmpegError, ValueError):
            self._tally.decode_errors += 1
            return False
        if self._coverage is not None:
            self._coverage.good += 1
        return False

    def _sounds(self, packet: AvPacket[Any], arrived: float) -> Iterator[AudioChunk]:
        try:
            frames = cast(list[AudioFrame], packet.decode())
        except EOFError:
            return
        except (av.error.FFmpegError, ValueError):
            self._tally.decode_errors += 1
            return
        for frame in frames:
            samples = self._downmix.frame(frame)
            placed = self._timeline.place("audio", frame.time, arrived, len(samples) / frame.sample_rate)
            if placed is not None and len(samples):
                yield AudioChunk(samples, frame.sample_rate, placed[0], arrived, placed[1])


def _length(frame: VideoFrame) -> float:
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
