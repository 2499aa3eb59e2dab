"""A 1080p screen: its capture, one face to the overlay, twenty faces: python benchmarks/screen.py [--seconds 20]

A real X server (Xvfb, with openbox and the compositor picom) shows a clip in a player; the watch loop of truefeed
watches the screen and draws over it. CPU is that of truefeed's processes (grabber, loop,
overlay), not of server and player.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from common import ROOT, arguments, close, line_for, percentile, table, turn, verdict_rows
from truefeed.stream.live.pipeline import Pipeline
from truefeed.stream.scoring.models import Models
from truefeed.stream.scoring.observer import Observer, Sight
from truefeed.stream.sinks.base import Sink
from truefeed.stream.sinks.screen_overlay import ScreenOverlay
from truefeed.stream.sources import SourceOptions

_PERIOD = 0.1
"From picture to picture of the screen, s: so long a change waits at most until it is seen."
_WARM = 6.0
"Not measured: opening, first allocations, s."
_MODULE = "truefeed.stream.screen."


def _support(name: str) -> ModuleType:
    """Load a module of the test suite."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise SystemExit("the benchmarks run from a checkout: they use tests/support")
    return importlib.import_module(name)


class Scores(Observer):
    """Notes when each face was scored."""

    def __init__(self) -> None:
        self.times: defaultdict[int, list[float]] = defaultdict(list)

    def face(self, sight: Sight) -> None:
        self.times[sight.id].append(sight.t)


def main() -> None:
    parser = arguments(__doc__, 20)
    args = parser.parse_args()
    display_of, clips = _support("x_display"), _support("clips")
    models = Models.load(args.engine)
    display = display_of.XDisplay(1920, 1080, compositor=True)
    os.environ.update(display.environment)
    print(
        f"a busy loop gets {_share():.0%} of a core here: figures in ms say nothing of a machine where that is little"
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            one, many = Path(folder) / "one.mp4", Path(folder) / "many.mp4"
            clips.write_video(one, clips.moving_face(4, fps=25, size=(1280, 720)), fps=25)
            clips.write_video(many, [clips.gallery(i) for i in range(40)], fps=10)
            player = display.play(one, "one", (320, 180))
            alone(args.seconds, models)
            player.terminate()
            player.wait()
            display.play(many, "many")
            gallery(args.seconds, models)
    finally:
        display.close()


def alone(seconds: float, models: Models) -> None:
    """One face: what capture costs, and when its marks are on the screen."""
    overlay = ScreenOverlay(1.05)
    line, cores = measure(seconds, models, overlay)
    p95 = percentile(list(overlay.delays), 95) * 1000
    overlay.close()
    rows = [
        ("pictures of the screen a second", line.capture.stats.fps or float("nan"), "10", None),
        ("capture, cores (the grabber)", cores["grabber"], "< 0.3", cores["grabber"] < 0.3),
        ("the loop, cores", cores["loop"], "", None),
        ("the overlay, cores", cores["overlay"], "", None),
        ("picture to marks p50, ms", percentile(list(overlay.delays), 50) * 1000, "", None),
        ("picture to marks p95, ms", p95, "< 250", p95 < 250),
        ("and the wait for the picture, at most, ms", p95 + _PERIOD * 1000, "", None),
    ]
    title = f"One face on a 1080p screen, {seconds:.0f} s"
    table(title, verdict_rows(rows), ("what", "measured", "goal", "reached"))


def gallery(seconds: float, models: Models) -> None:
    """Twenty faces: how long each waits for its turn."""
    scores = Scores()
    line, cores = measure(seconds, models, Sink(), scores)
    last = max((times[-1] for times in scores.times.values()), default=0.0)
    followed = {face: times for face, times in scores.times.items() if last - times[-1] < 2}
    waits = [b - a for times in followed.values() for a, b in itertools.pairwise(times)]
    worst = max(waits, default=float("nan"))
    rows = [
        ("faces followed at the end", len(followed), "20", len(followed) == 20),
        ("ids given in all", len(scores.times), "20", None),
        ("from score to score of a face p50, s", percentile(waits, 50), "", None),
        ("from score to score of a face, at most, s", worst, "< 2", worst < 2),
        ("capture and loop, cores", cores["grabber"] + cores["loop"], "< 2", cores["grabber"] + cores["loop"] < 2),
        ("latency p95, ms", float(line.summary()["latency_ms_p95"] or float("nan")), "", None),
    ]
    table(
        f"Twenty faces on a 1080p screen, {seconds:.0f} s", verdict_rows(rows), ("what", "measured", "goal", "reached")
    )


def measure(
    seconds: float, models: Models, sink: Sink, observer: Observer | None = None
) -> tuple[Pipeline, dict[str, float]]:
    """Watch the screen for so long; return the line, ended, and the cores that each process kept busy."""
    wake = threading.Event()
    line = line_for("screen", "screen", models, sink, wake, SourceOptions(audio=False))
    if observer is not None:
        line._analyzer._observer = observer
    line.start()
    try:
        turn([line], _WARM, wake, lambda: None)
        if isinstance(sink, ScreenOverlay):
            sink.delays.clear()
        if isinstance(observer, Scores):
            observer.times.clear()
        before = _spent()
        turn([line], seconds, wake, lambda: None)
        after = _spent()
        return line, {name: (after[name] - before.get(name, 0.0)) / seconds for name in ("loop", "grabber", "overlay")}
    finally:
        close([line])


def _share() -> float:
    """Return what share of a core a busy loop gets, 0..1: what others leave."""
    began, spent = time.monotonic(), time.process_time()
    while time.monotonic() - began < 1:
        pass
    return (time.process_time() - spent) / (time.monotonic() - began)


def _spent() -> defaultdict[str, float]:
    """Return the CPU time of this process and of its programs so far, s."""
    own: Any = psutil.Process()
    spent = defaultdict(float, {"loop": sum(own.cpu_times()[:2])})
    for child in own.children():
        words = " ".join(child.cmdline())
        for name in ("grabber", "overlay"):
            if f"{_MODULE}{name}" in words:
                spent[name] += sum(child.cpu_times()[:2])
    return spent


if __name__ == "__main__":
    main()
