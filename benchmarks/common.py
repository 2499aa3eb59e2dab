"""What the benchmarks share: pictures that tell when they were sent, a real RTSP server, and counts of what was used.

Every picture of a clip carries its number as a row of black and white squares, and the server notes on the system's
monotonic clock when its feed began. So whoever holds a picture knows when the camera would have taken it, through any
encoder, network or queue, and no clock has to be compared with another.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import av
import cv2
import numpy as np
import psutil
from skimage import data
from truefeed.stream.config.settings import StreamSettings
from truefeed.stream.live.pipeline import Pipeline
from truefeed.stream.open import open_source
from truefeed.stream.scoring.alarm import Alarm
from truefeed.stream.scoring.alarm_settings import alarm_settings
from truefeed.stream.scoring.models import Models
from truefeed.stream.sinks.base import Sink
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture
from truefeed.stream.types import Frame, Image, Verdict

ROOT = Path(__file__).parents[1]
_BITS, _SQUARE = 16, 16
_FIRST = 0.1
"Timestamp of the server's first packet, s."


def _server() -> ModuleType:
    """Load the RTSP server of the test suite: one server serves both."""
    spec = importlib.util.spec_from_file_location("rtsp_server", ROOT / "tests" / "support" / "rtsp_server.py")
    if spec is None or spec.loader is None:
        raise SystemExit("the benchmarks run from a checkout: they use tests/support/rtsp_server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.available():
        raise SystemExit("no gst-rtsp-server here: bash tests/run.sh installs it")
    return module


def stamp(image: Image, number: int) -> None:
    """Write number into the picture's upper left corner."""
    for bit in range(_BITS):
        left = bit * _SQUARE
        image[:_SQUARE, left : left + _SQUARE] = 255 * (number >> bit & 1)


def read_stamp(image: Image) -> int:
    """Return the number that `stamp` wrote, also after video coding."""
    row = image[_SQUARE // 2, _SQUARE // 2 : _BITS * _SQUARE : _SQUARE].mean(-1) > 127
    return int((row * (1 << np.arange(_BITS))).sum())


def clip(path: Path, *, width: int, height: int, seconds: float, fps: int = 30, sound: bool = False) -> Path:
    """Encode a clip with one swaying face (NASA's portrait of an astronaut), each picture stamped with its number.

    H.264 without B-frames, as cameras send it; a keyframe every two seconds; sound is a tone in AAC.
    """
    size, rate = height // 2, 48000
    portrait = np.ascontiguousarray(data.astronaut()[0:280, 90:370, ::-1])
    face = cv2.resize(portrait, (size, size), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).integers(60, 140, (height, width, 3), np.uint8)
    ground = cv2.GaussianBlur(noise, (0, 0), 3)
    with av.open(str(path), "w") as out:
        options = {"preset": "veryfast", "tune": "zerolatency", "crf": "23", "threads": "1"}
        video = out.add_stream("libx264", rate=fps, options=options)
        video.width, video.height, video.pix_fmt, video.gop_size = width, height, "yuv420p", 2 * fps
        audio = out.add_stream("aac", rate=rate, layout="mono") if sound else None
        for number in range(round(seconds * fps)):
            image = ground.copy()
            left = (width - size) // 2 + round(8 * np.sin(number / 6))
            top = (height - size) // 2 + round(4 * np.sin(number / 6))
            image[top : top + size, left : left + size] = face
            stamp(image, number)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            if audio is not None:
                turns = 440 / rate * np.arange(number * rate // fps, (number + 1) * rate // fps)
                samples = (0.1 * np.sin(2 * np.pi * turns)).astype(np.float32)[None]
                chunk = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts = rate, number * rate // fps
                out.mux(audio.encode(chunk))
        for stream in out.streams:
            out.mux(stream.encode(None))
    return path


class Camera:
    """A real RTSP server that sends a clip for ever, and knows when each of its pictures was due."""

    def __init__(self, media: Path, *, seconds: float, fps: int = 30) -> None:
        """Serve media, which is so many seconds long at so many pictures a second."""
        self._log = media.with_suffix(".log")
        self._log.unlink(missing_ok=True)
        self._loop, self._fps = seconds, fps
        os.environ["RTSP_FEED_LOG"] = str(self._log)  # inherited by the server's process
        self._server: Any = _server().RtspServer(media)
        self.url: str = self._server.url

    def age(self, image: Image, now: float) -> float:
        """Return how long ago the camera took the picture, s. Right for ages under a clip's length."""
        start = float(self._log.read_text().split()[-1]) + _FIRST
        in_loop = read_stamp(image) / self._fps
        return (now - start - in_loop) % self._loop

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.kill()


@dataclass
class Usage:
    """CPU and memory of this process between `start` and `stop`."""

    rss: list[float] = field(default_factory=list)
    "Resident memory, one value a `sample`, MB."
    _begin: tuple[float, float] = (0.0, 0.0)
    _end: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        self._begin = time.process_time(), time.monotonic()

    def sample(self) -> None:
        self.rss.append(psutil.Process().memory_info().rss / 1e6)

    def stop(self) -> None:
        self._end = time.process_time(), time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock length, s."""
        return self._end[1] - self._begin[1]

    @property
    def cores(self) -> float:
        """Mean number of cores kept busy."""
        return (self._end[0] - self._begin[0]) / max(self.seconds, 1e-9)


class Ages(Sink):
    """Notes the age of each picture at its verdict, and when the verdict came."""

    def __init__(self, camera: Camera | None) -> None:
        """Take the camera that the pictures come from; None where ages do not matter."""
        self._camera = camera
        self.ages: list[float] = []
        self.times: list[float] = []
        self.probabilities: list[float | None] = []
        self.stats: dict[str, Any] = {}

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        now = time.monotonic()
        self.times.append(now)
        self.probabilities.append(verdict.fake)
        if self._camera is not None and frame is not None:
            self.ages.append(self._camera.age(frame.image, now))

    def summary(self, source: str, stats: Any) -> None:
        self.stats = dict(stats)


def line_for(
    name: str, url: str, models: Models, sink: Sink, wake: threading.Event, options: SourceOptions | None = None
) -> Pipeline:
    """Make a line just as `truefeed watch` does."""
    capture = Capture(open_source(url, options or SourceOptions()), wake=wake)
    return Pipeline(name, capture, models, Alarm(alarm_settings(models.face_window, StreamSettings(url))), sink)


def turn(lines: Sequence[Pipeline], seconds: float, wake: threading.Event, every_second: Callable[[], None]) -> None:
    """Turn the lines for so long, as the watch loop does, and then return without closing them."""
    begin = beat = time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        if now - beat >= 1:
            every_second()
            beat += 1
        wake.clear()
        busy = [line.step() for line in lines]
        if not any(busy):
            wake.wait(0.1)
        for line in lines:
            if line.ended:
                raise SystemExit(f"{line.name} ended: {line.error}")


def close(lines: Sequence[Pipeline]) -> None:
    """End the lines, as the watch loop does."""
    for line in lines:
        line.finish()
    for line in lines:
        line.capture.stop()


def percentile(values: Sequence[float], q: float) -> float:
    """Return a percentile, NaN where there are no values."""
    return float(np.percentile(values, q)) if values else float("nan")


def table(title: str, rows: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    """Print rows under a title, columns aligned."""
    texts = [[_text(value) for value in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    print(f"\n{title}")
    for number, row in enumerate(texts):
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _text(value: object) -> str:
    """Three digits, and never an exponent."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict_rows(rows: Sequence[tuple[str, float, str, bool | None]]) -> list[tuple[object, ...]]:
    """Turn (what, figure, goal, reached) into rows of a table."""
    marks = {True: "yes", False: "NO", None: ""}
    return [(what, figure, goal, marks[reached]) for what, figure, goal, reached in rows]


def arguments(text: str | None, seconds: float) -> argparse.ArgumentParser:
    """Return a parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds, help=f"length of a measurement (default {seconds:g})")
    parser.add_argument("--engine", default="auto", help="as in truefeed watch (default auto)")
    return parser
