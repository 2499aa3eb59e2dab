"""Compressed packets: the last seconds of a source as it came, for clips that start before an alert."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

_MAX_BYTES = 64 * 1024 * 1024
_AUDIO_GROUP = 1.0
"Without video, packets are dropped by groups of so many seconds."


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The format of one compressed stream, kept apart from the container that it came from."""

    kind: Literal["video", "audio"]
    codec: str
    time_base: Fraction
    header: bytes
    "A NUT file that describes all streams of the session; its packets are empty."
    index: int
    "Of this stream in the header."


@dataclass(frozen=True, eq=False, slots=True)
class Packet:
    """One compressed packet."""

    info: StreamInfo
    data: bytes
    pts: int | None
    "In units of info.time_base."
    dts: int | None
    duration: int
    keyframe: bool
    session: int
    "Counts the times that the source was opened; timestamps of two sessions can't be compared."
    arrived: float
    "s, monotonic."

    @property
    def seconds(self) -> float | None:
        """When it is to be decoded, on the source's own clock, s."""
        stamp = self.pts if self.dts is None else self.dts
        return None if stamp is None else float(stamp * self.info.time_base)


def describe(streams: Sequence[Stream]) -> dict[int, StreamInfo]:
    """Return stream index -> format of the streams of an open container whose packets are worth keeping.

    To be called once the decoders have seen their first packets, which may be what tells the size of the picture.
    Raw pictures (a camera without compression, a filter graph) are left out.
    """
    kept = [s for s in streams if s.codec_context.name not in ("rawvideo", "wrapped_avframe")]
    if not kept:
        return {}
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="nut") as out:
            for stream in kept:
                size: dict[str, int] = {}
                if isinstance(stream, VideoStream):  # opened fast, the size is known to the decoder only
                    size = {"width": stream.codec_context.width, "height": stream.codec_context.height}
                out.add_stream_from_template(stream, opaque=True, **size)
            for stream in out.streams:
                filler = av.Packet(bytes(4))  # NUT is not recognised without a packet
                filler.stream, filler.pts, filler.dts, filler.time_base = stream, 0, 0, Fraction(1, 1000)
                out.mux_one(filler)
    except (av.error.FFmpegError, ValueError):
        return {}
    data = header.getvalue()
    return {
        stream.index: StreamInfo(
            "video" if stream.type == "video" else "audio",
            stream.codec_context.name,
            stream.time_base or Fraction(1, 90000),
            data,
            index,
        )
        for index, stream in enumerate(kept)
    }


class PacketRing:
    """The last seconds of packets, always starting at a keyframe. Safe to use from several threads."""

    def __init__(self, seconds: float = 10.0, most_bytes: int = _MAX_BYTES) -> None:
        self.seconds, self._most_bytes = seconds, most_bytes
        self._groups: deque[list[Packet]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, packet: Packet) -> None:
        """Append a packet; one of another session or format empties the ring first."""
        with self._lock:
            last = self._groups[-1][-1] if self._groups else None
            if last is not None and (last.session != packet.session or last.info.header is not packet.info.header):
                self._clear()
            if self._starts_group(packet):
                self._groups.append([packet])
            elif self._groups:
                self._groups[-1].append(packet)
            else:
                return
            self._bytes += len(packet.data)
            self._trim(packet)

    def _starts_group(self, packet: Packet) -> bool:
        if packet.info.kind == "video":
            return packet.keyframe
        if self._groups and self._groups[-1][0].info.kind == "video":
            return False
        first = self._groups[-1][0].seconds if self._groups else None
        now = packet.seconds
        return packet.info.index == 0 and (first is None or now is None or now - first >= _AUDIO_GROUP)

    def _trim(self, newest: Packet) -> None:
        if self._bytes > self._most_bytes and len(self._groups) == 1:
            self._clear()
        while len(self._groups) > 1:
            start, now = self._groups[1][0].seconds, newest.seconds
            old = start is not None and now is not None and newest.info.kind == self._groups[1][0].info.kind
            if self._bytes <= self._most_bytes and not (old and now - start >= self.seconds):  # type: ignore[operator]
                return
            self._bytes -= sum(len(packet.data) for packet in self._groups.popleft())

    def _clear(self) -> None:
        self._groups.clear()
        self._bytes = 0

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clear()

    def snapshot(self) -> list[Packet]:
        """Return what is held, oldest first."""
        with self._lock:
            return [packet for group in self._groups for packet in group]

    def held(self) -> Callable[[Path], Path | None]:
        """Take hold of what is there now; returns what writes it, as `write_clip` does, however much later."""
        return partial(_write, self.snapshot())

    def write_clip(self, path: Path) -> Path | None:
        """Write what is held into a file, without re-encoding.

        Returns the file, whose suffix becomes `.mkv` or `.ts` where MP4 can't hold the codecs, or None where
        nothing is held. Raises OSError.
        """
        return self.held()(path)


def _write(packets: Sequence[Packet], path: Path) -> Path | None:
    if not packets:
        return None
    suffixes = [path.suffix or ".mp4", ".mkv"]
    if packets[0].info.codec in ("h264", "hevc"):
        suffixes.append(".ts")  # needs no header, which a camera may never have sent
    for suffix in dict.fromkeys(suffixes):
        target = path.with_suffix(suffix)
        try:
            _remux(packets, target)
        except (av.error.FFmpegError, ValueError) as error:
            target.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise
            continue
        return target
    return None


def _remux(packets: Sequence[Packet], path: Path) -> None:
    with (
        av.open(io.BytesIO(packets[0].info.header), format="nut") as template,
        av.open(str(path), "w") as out,
    ):
        streams = [out.add_stream_from_template(stream, opaque=True) for stream in template.streams]
        _mux(packets, streams, out)


def _mux(packets: Sequence[Packet], streams: Sequence[Stream], out: OutputContainer) -> None:
    origin = min((p.seconds for p in packets if p.seconds is not None), default=0.0)
    last: dict[int, int] = {}
    for packet in packets:
        stamp = packet.pts if packet.dts is None else packet.dts
        shift = round(origin / packet.info.time_base)
        dts = (stamp if stamp is not None else shift) - shift
        index = packet.info.index
        if dts <= last.get(index, -1):
            if packet.dts is not None and packet.pts is not None:
                continue
            dts = last[index] + 1
        last[index] = dts
        copy = av.Packet(packet.data)
        copy.stream = streams[index]
        copy.time_base = packet.info.time_base
        copy.dts, copy.pts = dts, dts if packet.pts is None else packet.pts - shift
        copy.duration = packet.duration
        copy.is_keyframe = packet.keyframe
        out.mux_one(copy)
