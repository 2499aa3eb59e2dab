"""The compressed pictures and sound of a call, as they came, so that evidence can hold the seconds before an alert."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av

from ..sources.packet_buffer import Packet, StreamInfo

_RATES = {"video": 90000, "audio": 48000}
_CODECS = {"VP8": "vp8", "H264": "h264", "opus": "opus"}
KEYFRAME_EVERY = 10.0
"Browsers send a keyframe only when asked, and a clip can begin at no other picture, s."


@dataclass(frozen=True, slots=True)
class Coded:
    """A whole compressed picture, or a piece of sound."""

    kind: Literal["video", "audio"]
    codec: str
    data: bytes
    stamp: float
    "On one clock for sound and picture of a peer, s."
    key: bool
    arrived: float
    "s, monotonic."


class Tape:
    """Makes packets of what comes; belongs to one thread."""

    def __init__(self) -> None:
        self._infos: dict[str, StreamInfo] = {}
        self._shape: tuple[str, int, int] | None = None
        self._session = 0

    def packets(self, coded: Iterable[Coded]) -> Iterator[Packet]:
        """Yield the packets of what came; nothing before the first keyframe."""
        for one in coded:
            if one.codec not in _CODECS:
                continue
            if one.kind == "video" and one.key:
                self._describe(one)
            info = self._infos.get(one.kind)
            if info is not None:
                stamp = round(one.stamp * _RATES[one.kind])
                yield Packet(info, one.data, stamp, stamp, 0, one.key, self._session, one.arrived)

    def _describe(self, one: Coded) -> None:
        width, height = size(one.codec, one.data)
        if self._shape == (one.codec, width, height) or not width:
            return
        self._shape = one.codec, width, height
        self._session += 1
        header = _header(_CODECS[one.codec], width, height, one.data)
        self._infos = {
            "video": StreamInfo("video", _CODECS[one.codec], Fraction(1, _RATES["video"]), header, 0),
            "audio": StreamInfo("audio", "opus", Fraction(1, _RATES["audio"]), header, 1),
        }


def size(codec: str, data: bytes) -> tuple[int, int]:
    """Return width and height of a keyframe, px; zeros where they can't be told."""
    if codec == "VP8":  # RFC 6386, section 9.1
        return (int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF)
    try:
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.error.FFmpegError:
        return 0, 0
    return (frames[0].width, frames[0].height) if frames else (0, 0)


def _header(codec: str, width: int, height: int, keyframe: bytes) -> bytes:
    """Return what describes the streams; see StreamInfo. FFmpeg reads the format of H.264 from a picture only."""
    header = io.BytesIO()
    with av.open(header, "w", format="nut") as out:
        video = out.add_mux_stream(codec, rate=30, width=width, height=height)
        sound = out.add_stream("libopus", rate=_RATES["audio"], layout="stereo")
        for stream, data in ((video, keyframe), (sound, bytes(4))):
            filler = av.Packet(data)
            filler.stream, filler.pts, filler.dts, filler.time_base = stream, 0, 0, Fraction(1, 1000)
            filler.is_keyframe = True
            out.mux_one(filler)
    return header.getvalue()
