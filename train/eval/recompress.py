"""Videos as a poor line would bring them: smaller, in H.264 at a fixed bit rate."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import av
import cv2
import numpy as np

from ...stream.atomic import replacing
from ...stream.errors import ConfigError, SourceError, TruefeedError
from ...stream.scan.probe import kind_of
from ...stream.sources import SourceOptions
from ...stream.sources.file import FileSource
from ...stream.types import Frame, Image
from ..common.source_hash import source_hash
from ..data.datasets import Clip

_TICKS = 90000


@dataclass(frozen=True, slots=True)
class Recode:
    """How a video is coded anew."""

    height: int
    "Of the picture, px; a smaller one is not magnified."
    kbps: int
    "Kilobits a second, kept within a second as on a line."

    @classmethod
    def of(cls, text: str) -> Recode:
        """Read `360p:150k`. Raises ConfigError."""
        found = re.fullmatch(r"(\d+)p:(\d+)k", text.strip())
        if found is None or not 64 <= int(found[1]) <= 4320 or int(found[2]) < 10:
            raise ConfigError(f"--recode {text}: a height and a bit rate are needed, as in 360p:150k")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.height}p:{self.kbps}k"

    def cached(self, path: Path, folder: Path) -> Path:
        """Return the recoded copy of path in the folder, made now where there is none.

        Raises:
            SourceError, OSError, av.error.FFmpegError: path is no video that can be read.
        """
        name = hashlib.sha256(path.read_bytes() + f"{self} {source_hash(Path(__file__))}".encode()).hexdigest()[:32]
        target = folder / f"{name}.mkv"
        if not target.exists():
            with replacing(target) as part:
                self.write(path, part)
        return target

    def write(self, path: Path, target: Path) -> None:
        """Code the video of path anew; its sound is copied as it is."""
        source = FileSource(path, SourceOptions(pace="fast", audio=False))
        with (
            av.open(str(target), "w", format="matroska") as out,
            av.open(str(path.absolute()), metadata_errors="replace") as media,
            closing(source.items(threading.Event())) as items,
        ):
            audio = out.add_stream_from_template(media.streams.audio[0]) if media.streams.audio else None
            packets = deque(_sound(media))
            video: Any = None
            for item in items:
                if isinstance(item, Frame):
                    picture = _smaller(item.image, self.height)
                    video = video or self._encoder(out, picture)
                    while packets and float(packets[0].pts * packets[0].time_base) <= item.t:
                        _mux(out, packets.popleft(), audio)
                    out.mux(video.encode(_frame(picture, item.t, video)))
            if video is None:
                raise SourceError(f"{path}: no picture in it")
            out.mux(video.encode(None))
            while packets:
                _mux(out, packets.popleft(), audio)

    def _encoder(self, out: Any, picture: Image) -> Any:  # noqa: ANN401 - PyAV's containers
        video = out.add_stream("libx264", rate=30)
        video.height, video.width = picture.shape[:2]
        video.pix_fmt, video.codec_context.time_base = "yuv420p", Fraction(1, _TICKS)
        video.codec_context.thread_count = 1  # several give another file each time
        rate = str(self.kbps * 1000)
        video.options = {"preset": "veryfast", "tune": "zerolatency", "b": rate, "maxrate": rate, "bufsize": rate}
        return video


def recoded(clips: Sequence[Clip], how: Recode, folder: Path, err: TextIO) -> list[Clip]:
    """Return the clips with every video coded anew; pictures, sounds and what cannot be read stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for number, clip in enumerate(clips, 1):
        try:
            video = kind_of(clip.path) == "video"
            out.append(replace(clip, path=how.cached(clip.path, folder)) if video else clip)
        except (TruefeedError, av.error.FFmpegError, OSError, ValueError):
            out.append(clip)  # what is wrong with it shows when it is judged
        if number % 20 == 0 or number == len(clips):
            err.write(f"{number}/{len(clips)} coded at {how}\n")
    return out


def _smaller(image: Image, height: int) -> Image:
    """Shrink to the height, and to even sides, which the codec wants."""
    tall, wide = image.shape[:2]
    factor = min(1.0, height / tall)
    size = max(2, round(wide * factor / 2) * 2), max(2, round(tall * factor / 2) * 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _frame(picture: Image, t: float, video: Any) -> av.VideoFrame:  # noqa: ANN401 - PyAV's streams
    if picture.shape[:2] != (video.height, video.width):  # sizes change in the middle of a call
        picture = np.asarray(cv2.resize(picture, (video.width, video.height), interpolation=cv2.INTER_AREA), np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuv420p")
    frame.pts, frame.time_base = round(t * _TICKS), Fraction(1, _TICKS)
    return frame


def _sound(media: Any) -> Iterator[Any]:  # noqa: ANN401 - PyAV's containers
    """Yield the packets of the sound, their times counted from the first picture, as those of frames are."""
    video = media.streams.video[0]
    start = float((video.start_time or 0) * video.time_base)
    for packet in media.demux(media.streams.audio[0]) if media.streams.audio else ():
        if packet.pts is not None and packet.size:
            packet.pts = packet.dts = packet.pts - round(start / packet.time_base)
            # What an encoder puts before the first sample would move all times, since none may be negative.
            if packet.pts >= 0:
                yield packet


def _mux(out: Any, packet: Any, stream: Any) -> None:  # noqa: ANN401 - PyAV's containers
    packet.stream = stream
    out.mux(packet)
