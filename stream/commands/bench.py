"""`truefeed bench`: how fast this machine is, each step alone and then the whole path, on a clip made on the spot."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import av
import cv2
import numpy as np

from ...engines import Engine
from ..config.option import of
from ..config.settings import ReportSettings
from ..errors import SourceError
from ..open import open_source
from ..scoring.analyzer import Analyzer
from ..scoring.models import Models
from ..sources import SourceOptions
from ..types import Frame, Image

_SIZE = (1280, 720)
_FPS = 30
_SECONDS = 4
_EACH = 1.5
"How long a step is repeated, s."


@dataclass(frozen=True, slots=True)
class Step:
    """What one step costs."""

    name: str
    ms: float
    "By the clock, a call."
    cpu_ms: float
    "On all cores together, a call."
    per_second: float


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed bench`."""
    settings = of(ReportSettings, vars(arguments))
    say = sys.stderr if settings.json else sys.stdout
    models = Models.load(settings.engine)
    say.write(f"{_machine()}, {_SIZE[0]}x{_SIZE[1]} H.264, models on {models.face.device}\n\n")
    say.write(f"{'step':<28}{'ms':>9}{'CPU ms':>9}{'a second':>10}\n")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "bench.mp4")
        has_face = _make(clip)
        steps = []
        for step in _steps(clip, models):
            steps.append(step)
            _say(step, say)
    whole = steps[-1]
    load = whole.cpu_ms * _FPS / 1000
    say.write(f"\nA live 720p{_FPS} stream takes about {load:.2f} of a core: {_streams(load)} at once here.\n")
    if not has_face:
        say.write("No picture of a face was at hand, so the whole path stops at detection here.\n")
    if settings.json:
        told = {"machine": _machine(), "face_in_clip": has_face, "steps": [asdict(s) for s in steps]}
        sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _steps(clip: Path, models: Models) -> Iterator[Step]:
    yield _whole("decode to BGR", lambda: _decode(clip))
    image = next(iter(_frames(clip))).image
    yield _repeated("find faces", lambda: models.detector.detect(image))
    for name, engine in (
        ("face model", models.face),
        ("window model", models.face_window),
        ("voice model", models.voice),
    ):
        if engine is not None:
            given = example(engine)
            yield _repeated(f"{name} (batch 1)", lambda e=engine, i=given: e.run(i))  # type: ignore[misc]
    yield _whole("whole path, a frame", lambda: _analyze(clip, models))


def example(engine: Engine) -> dict[str, Any]:
    """Return inputs of the shapes that a live stream gives a model, for its cost; what is in them says nothing."""
    card = engine.card
    task, size = (card.task, card.input_size) if card else ("", ())
    if task == "face":
        return {"crops": np.zeros((1, 3, *size), np.float32)}
    if task == "face-window":
        ones = np.ones((1, size[0]), np.float32)
        return {"rows": np.zeros((1, *size), np.float32), "ages": ones, "mask": ones}
    noise = np.random.default_rng(0).normal(0, 0.1, (1, size[0])).astype(np.float32)
    return {"samples": noise, "past": np.zeros((1, size[1]), np.float32), "count": np.zeros((1, 1), np.float32)}


def _repeated(name: str, call: Callable[[], object]) -> Step:
    call()  # the first one allocates
    count, started, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < _EACH or count < 3:
        call()
        count += 1
    return _step(name, count, time.perf_counter() - started, time.process_time() - cpu)


def _whole(name: str, call: Callable[[], int]) -> Step:
    """Measure a call that returns how many frames it handled."""
    started, cpu = time.perf_counter(), time.process_time()
    count = call()
    return _step(name, count, time.perf_counter() - started, time.process_time() - cpu)


def _step(name: str, count: int, took: float, cpu: float) -> Step:
    return Step(name, round(took / count * 1000, 3), round(cpu / count * 1000, 3), round(count / took, 1))


def _frames(clip: Path) -> Iterator[Frame]:
    source = open_source(str(clip), SourceOptions(pace="fast"))
    try:
        yield from (item for item in source.items(threading.Event()) if isinstance(item, Frame))
    finally:
        source.close()


def _decode(clip: Path) -> int:
    return sum(1 for _ in _frames(clip))


def _analyze(clip: Path, models: Models) -> int:
    analyzer = Analyzer(models, source="bench")
    count = 0
    for frame in _frames(clip):
        analyzer.frame(frame)
        count += 1
    return count


def _make(path: Path) -> bool:
    """Write a clip of one moving face; return False where no face was at hand and the picture has none."""
    face = _face()
    width, height = _SIZE
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    ground = np.asarray(cv2.resize(noise, _SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 3_000_000
        for number in range(_FPS * _SECONDS):
            picture = ground.copy()
            if face is not None:
                left = width // 4 + int(width / 8 * np.sin(number / 20))
                picture[: face.shape[0], left : left + face.shape[1]] = face
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode(None))
    return face is not None


def _face() -> Image | None:
    """A picture with a face, from the clip that `truefeed watch demo` shows."""
    try:
        source = open_source("demo", SourceOptions(pace="fast", audio=False))
        for item in source.items(threading.Event()):
            if isinstance(item, Frame):
                factor = min(_SIZE[1] / item.image.shape[0], _SIZE[0] / 2 / item.image.shape[1])
                return np.asarray(cv2.resize(item.image, None, fx=factor, fy=factor), np.uint8)
    except SourceError:
        pass
    return None


def _streams(load: float) -> str:
    cores = os.cpu_count() or 1
    number = int(cores * 0.8 / load) if load > 0 else 0
    return (
        f"{number} such stream{'' if number == 1 else 's'} on {cores} core{'' if cores == 1 else 's'}"
        if number
        else "none"
    )


def _machine() -> str:
    names = (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name"))
    name = next(names, platform.processor() or platform.machine())
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _say(step: Step, out: TextIO) -> None:
    out.write(f"{step.name:<28}{step.ms:>9.2f}{step.cpu_ms:>9.2f}{step.per_second:>10.1f}\n")
    out.flush()
