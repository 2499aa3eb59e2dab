"""One 720p30 camera with one face: python benchmarks/live.py [--seconds 600]

A real RTSP server (H.264 over TCP, a process of its own) sends; the watch loop of truefeed receives, scores and notes
the age of every picture at its verdict. CPU and memory are those of truefeed's process.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from common import Ages, Camera, Usage, arguments, clip, close, line_for, percentile, table, turn, verdict_rows
from truefeed.stream.scoring.models import Models

_WARM = 10.0
"Not measured: opening, first allocations, s."
_CLIP = 20.0


def main() -> None:
    parser = arguments(__doc__, 60)
    parser.add_argument("--faces", default="centerface", help="as in truefeed watch (default centerface)")
    parser.add_argument("--sound", action="store_true", help="with AAC, as cameras with a microphone send it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        media = clip(Path(folder) / "camera.mp4", width=1280, height=720, seconds=_CLIP, sound=args.sound)
        with Camera(media, seconds=_CLIP) as camera:
            measure(camera, args.seconds, Models.load(args.engine, faces=args.faces))


def measure(camera: Camera, seconds: float, models: Models) -> None:
    sink, usage, wake = Ages(camera), Usage(), threading.Event()
    line = line_for("camera", camera.url, models, sink, wake)
    line.start()
    try:
        turn([line], _WARM, wake, lambda: None)
        stats = line.capture.stats
        before = stats.frames_read, stats.dropped
        sink.ages.clear()
        usage.start()
        usage.sample()
        turn([line], seconds, wake, usage.sample)
        usage.stop()
        usage.sample()
        stats = line.capture.stats
        read, dropped = stats.frames_read - before[0], stats.dropped - before[1]
    finally:
        close([line])
    fps, p95 = len(sink.ages) / usage.seconds, percentile(sink.ages, 95) * 1000
    growth = usage.rss[-1] - usage.rss[0]
    rows = [
        ("frames read", read, f"{30 * usage.seconds:.0f} sent", None),
        ("lost by capture", dropped, "0", dropped == 0),
        ("scored, frames/s", fps, ">= 15", fps >= 15),
        ("frame age at verdict p50, ms", percentile(sink.ages, 50) * 1000, "", None),
        ("frame age at verdict p95, ms", p95, "< 150", p95 < 150),
        ("CPU, cores", usage.cores, "< 0.8", usage.cores < 0.8),
        ("memory at the start, MB", usage.rss[0], "", None),
        ("memory at most, MB", max(usage.rss), "< 500", max(usage.rss) < 500),
        ("memory grown, MB", growth, "< 10", growth < 10),
    ]
    title = f"One 720p30 H.264 stream over RTSP, one face, {usage.seconds:.0f} s"
    table(title, verdict_rows(rows), ("what", "measured", "goal", "reached"))
    step = max(1, len(usage.rss) // 10)
    print(f"\nmemory every {step} s, MB: " + " ".join(f"{value:.0f}" for value in usage.rss[::step]))


if __name__ == "__main__":
    main()
