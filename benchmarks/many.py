"""Many small cameras at once: python benchmarks/many.py [--streams 12]

A real RTSP server sends 360p30 H.264 with one face to each; one watch loop with one set of models scores them all.
"""

from __future__ import annotations

import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

from common import Ages, Camera, Usage, arguments, clip, close, line_for, percentile, table, turn
from truefeed.stream.scoring.models import Models

_WARM = 15.0
_CLIP = 20.0


def main() -> None:
    parser = arguments(__doc__, 60)
    parser.add_argument("--streams", type=int, default=12, help="how many (default 12)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        media = clip(Path(folder) / "camera.mp4", width=640, height=360, seconds=_CLIP)
        with Camera(media, seconds=_CLIP) as camera:
            measure(camera, args.streams, args.seconds, Models.load(args.engine))


def measure(camera: Camera, count: int, seconds: float, models: Models) -> None:
    wake, usage = threading.Event(), Usage()
    sinks = [Ages(None) for _ in range(count)]
    lines = [line_for(f"stream {i}", camera.url, models, sink, wake) for i, sink in enumerate(sinks, 1)]
    for line in lines:
        line.start()
    try:
        turn(lines, _WARM, wake, lambda: None)
        begin = time.monotonic()
        usage.start()
        for sink in sinks:
            sink.times.clear()
        turn(lines, seconds, wake, usage.sample)
        usage.stop()
        end = time.monotonic()
    finally:
        close(lines)
    rows = []
    for line, sink in zip(lines, sinks, strict=True):
        marks = [begin, *sink.times, end]
        gap = max(b - a for a, b in pairwise(marks))
        rows.append(
            (line.name, len(sink.times) / usage.seconds, gap, sink.stats["dropped"], "yes" if gap <= 1 else "NO")
        )
    head = ("stream", "scored/s", "longest gap, s", "dropped", "each second")
    table(f"{count} streams of 360p30 H.264 over RTSP, one face each, {usage.seconds:.0f} s", rows, head)
    rates = [float(row[1]) for row in rows]
    print(f"\nscored a stream and second: least {min(rates):.2f}, median {percentile(rates, 50):.2f}")
    print(f"CPU: {usage.cores:.2f} cores, {usage.cores / count:.3f} a stream; memory at most {max(usage.rss):.0f} MB")


if __name__ == "__main__":
    main()
