"""The overlay as a video file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TextIO

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from ..atomic import beside
from ..errors import ConfigError
from ..types import Alert, Frame, Image, StateChange, Verdict
from .base import Sink
from .display import letterbox
from .overlay import Overlay

_CLOCK = 90_000
"Ticks a second of the file's time stamps."
_STEP = _CLOCK // 25
"Between two pictures where media time itself does not tell."
_BACK = 0.5
"Media time that goes back less than this is jitter, s: such a picture is left out."
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


class VideoFile(Sink):
    """Writes the overlay of one source as H.264, each picture at its media time.

    The file is written under a temporary name beside the one asked for and moved at close, so that a file of that name
    is always whole. A change of size is scaled into the first size; a gap in media time is a gap in the file, shown as
    a darkened last picture that says so; media time that goes back goes on from where it was.
    """

    def __init__(self, path: Path, source: str, *, raise_at: float | None = None, err: TextIO | None = None) -> None:
        """Check the path; the file is opened with the first picture.

        Args:
            path: of the file.
            source: its name.
            raise_at: where the alert is raised, drawn as a mark.
            err: is told where there was no picture to write.

        Raises:
            ConfigError: the folder can't be written to, or the suffix is not that of a video.
        """
        if path.suffix.lower() not in _FORMATS:
            raise ConfigError(f"--overlay {path}: a file name ending in {', '.join(_FORMATS)} is needed")
        if not path.parent.is_dir():
            raise ConfigError(f"--overlay {path}: there is no folder {path.parent}")
        self._path, self._source, self._err = path, source, err
        self._part = beside(path)
        self._overlay = Overlay(source, raise_at=raise_at)
        self._file: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._last: Frame | None = None
        self._shift = self._stamp = 0
        self._online = True

    def state(self, source: str, change: StateChange) -> None:
        self._overlay.state(change)
        gone = change.state in ("stalled", "retrying")
        if gone and self._online and self._last is not None:
            self._stamp += _STEP
            self._write(self._overlay.draw(self._last.image, self._last.t))
        self._online = not gone

    def frame(self, source: str, frame: Frame) -> None:
        stamp = round(frame.t * _CLOCK)
        if self._last is None:
            self._shift = -stamp
        elif stamp + self._shift <= self._stamp:
            if self._last.t - _BACK < frame.t <= self._last.t:
                return
            self._shift = self._stamp + _STEP - stamp
        self._stamp, self._last = stamp + self._shift, frame
        self._write(self._overlay.draw(frame.image, frame.t))

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self._overlay.verdict(verdict)
        if frame is not None:
            self.frame(verdict.source, frame)

    def alert(self, alert: Alert) -> None:
        self._overlay.alert(alert)

    def close(self) -> None:
        """Finish the file and give it its name. Raises OSError where it can't be written."""
        file, stream = self._file, self._stream
        self._file = self._stream = None
        if file is None or stream is None:
            if self._last is None and self._err is not None:
                self._err.write(f"truefeed: {self._path} was not written: {self._source} gave no picture\n")
                self._err = None
            return
        try:
            with file:
                file.mux(stream.encode(None))
        except (OSError, av.error.FFmpegError):
            self._part.unlink(missing_ok=True)
            raise
        self._part.replace(self._path)

    def _write(self, image: Image) -> None:
        if self._stream is None:
            self._file, self._stream = _open(self._part, _FORMATS[self._path.suffix.lower()], image)
        shown = letterbox(image, self._stream.width, self._stream.height)
        planes = np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2YUV_I420), np.uint8)  # BT.601, cheaper than swscale
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = self._stamp, Fraction(1, _CLOCK)
        assert self._file is not None
        self._file.mux(self._stream.encode(picture))


def _open(path: Path, form: str, image: Image) -> tuple[OutputContainer, VideoStream]:
    height, width = image.shape[:2]
    file = av.open(str(path), "w", format=form)
    stream = file.add_stream("libx264" if "libx264" in av.codecs_available else "h264", rate=30)
    # H.264 with 4:2:0 colour wants even sides, and encoders a few blocks.
    stream.width, stream.height = max(width + width % 2, 32), max(height + height % 2, 32)
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "superfast", "crf": "21"}
    context = stream.codec_context
    context.time_base = Fraction(1, _CLOCK)
    context.thread_count = 1  # fewer CPU-ms a picture than two
    context.gop_size = 120
    # Untagged, a player takes large pictures for BT.709 and shifts the colours.
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = 6, 6, 6, 1
    return file, stream
