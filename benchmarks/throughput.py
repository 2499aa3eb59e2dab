"""As fast as possible, against the limit of the parts: python benchmarks/throughput.py [--seconds 30]

A 720p30 file with one face goes through the whole chain (`watch --pace fast`: capture thread, ring, worker; and without
a thread, as `scan` does). Then what the chain asked of decoder, detector and models (the motion that the window model
takes among it) is done once more, alone and one after the other: as many calls with the same kind of input. The limit
is the number of frames over the sum of those times; everything else (tracking, windows, quality, alarms, hand-over) is
what the chain adds.
"""

from __future__ import annotations

import dataclasses
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from common import Ages, arguments, clip, close, line_for, table, verdict_rows
from truefeed.stream.open import open_source
from truefeed.stream.scoring import analyzer as analysis
from truefeed.stream.scoring.models import Models
from truefeed.stream.sources import SourceOptions
from truefeed.stream.types import Frame

_KEPT = 20
"Inputs kept of each kind of call, spread over the run."


class Recorder:
    """Stands in for a detector or an engine: passes everything on, counts the calls and keeps some of the inputs."""

    def __init__(self, target: Any, *methods: str) -> None:
        self._target, self._methods = target, methods
        self.calls: dict[str, int] = dict.fromkeys(methods, 0)
        self.kept: dict[str, list[tuple[Any, ...]]] = {name: [] for name in methods}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name not in self._methods:
            return value

        def call(*args: Any) -> Any:
            if self.calls[name] % 10 == 0 and len(self.kept[name]) < _KEPT:
                self.kept[name].append(args)
            self.calls[name] += 1
            return value(*args)

        return call

    def alone(self) -> float:
        """Return how long all the calls take when nothing else runs, s."""
        total = 0.0
        for name, kept in self.kept.items():
            if kept:
                method = getattr(self._target, name)
                method(*kept[0])
                begin = time.perf_counter()
                for args in kept:
                    method(*args)
                total += (time.perf_counter() - begin) / len(kept) * self.calls[name]
        return total


def main() -> None:
    parser = arguments(__doc__, 30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = clip(Path(folder) / "clip.mp4", width=1280, height=720, seconds=args.seconds)
        models = Models.load(args.engine)
        recorders = {
            "detect": Recorder(models.detector, "detect", "locate"),
            "score": Recorder(models.face, "run"),
            "motion": Recorder(analysis, "motion"),
            "window": Recorder(models.face_window, "run"),
        }
        watched = dataclasses.replace(
            models, detector=recorders["detect"], face=recorders["score"], face_window=recorders["window"]
        )
        with counted(recorders["motion"]):
            direct(path, watched)  # counts the calls, and warms everything up
        rows = measure(path, models, recorders)
    head = ("what", "measured", "goal", "reached")
    table(f"A {args.seconds:.0f} s file, 720p30 H.264, one face, as fast as possible", verdict_rows(rows), head)


@contextmanager
def counted(motion: Recorder) -> Iterator[None]:
    """Have the analyzer measure motion through the recorder."""
    plain = analysis.motion
    analysis.motion = motion.motion
    try:
        yield
    finally:
        analysis.motion = plain


def measure(path: Path, models: Models, recorders: dict[str, Recorder]) -> list[tuple[str, float, str, bool | None]]:
    frames, decoding = decode(path)
    alone = {"decode": decoding, **{name: recorder.alone() for name, recorder in recorders.items()}}
    limit = frames / sum(alone.values())
    unthreaded = frames / timed(lambda: direct(path, models))
    through = frames / timed(lambda: threaded(path, models))
    rows: list[tuple[str, float, str, bool | None]] = [
        (f"{name} alone, ms a frame of the file", seconds / frames * 1000, "", None) for name, seconds in alone.items()
    ]
    rows.append(("limit of the parts, frames/s", limit, "", None))
    for name, rate in (("without a thread", unthreaded), ("capture thread and ring", through)):
        rows.append((f"{name}, frames/s", rate, "", None))
        rows.append((f"{name}, of the limit", rate / limit, ">= 0.85", rate / limit >= 0.85))
    return rows


def timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def decode(path: Path) -> tuple[int, float]:
    """Return the number of frames and how long decoding them to BGR takes, s."""
    begin, count = time.perf_counter(), 0
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for frame in container.decode(video=0):
            frame.to_ndarray(format="bgr24")
            count += 1
    return count, time.perf_counter() - begin


def direct(path: Path, models: Models) -> None:
    analyzer = analysis.Analyzer(models, source=path.name)
    source = open_source(str(path), SourceOptions(pace="fast", audio=False))
    try:
        for item in source.items(threading.Event()):
            if isinstance(item, Frame):
                analyzer.frame(item)
    finally:
        source.close()


def threaded(path: Path, models: Models) -> None:
    wake = threading.Event()
    options = SourceOptions(pace="fast", audio=False)
    line = line_for(path.name, str(path), models, Ages(None), wake, options)
    line.start()
    try:
        while not line.ended:
            wake.clear()
            if not line.step():
                wake.wait(0.1)
    finally:
        close([line])


if __name__ == "__main__":
    main()
