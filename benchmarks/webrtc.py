"""A call: python benchmarks/webrtc.py [--seconds 60] [--only one six loss]

Peers in a process of their own publish by WHIP over loopback; truefeed's server receives them, and its watch loop
scores them and sends the verdicts back over their data channels. CPU and memory are those of truefeed's process. `one`
is a participant at 720p30, in VP8 and in H.264; `six` are six at 360p30; `loss` is one at 360p15 behind a UDP relay
that loses packets in both directions and holds them back, in order.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from common import Usage, arguments, clip, close, percentile, read_stamp, table, turn, verdict_rows
from truefeed.stream.config.settings import StreamSettings
from truefeed.stream.live.pipeline import Pipeline
from truefeed.stream.scoring.alarm import Alarm
from truefeed.stream.scoring.alarm_settings import alarm_settings
from truefeed.stream.scoring.models import Models
from truefeed.stream.sinks.base import Sink, Sinks
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture
from truefeed.stream.types import Frame, Verdict
from truefeed.stream.webrtc.server import CallServer

_CLIP = 20.0
_WARM = 10.0
"Not measured: connecting, first allocations, the first window, s."
_LINES = ((0.0, 0.0), (0.01, 0.0), (0.05, 0.0), (0.1, 0.0), (0.0, 0.3), (0.05, 0.3))


@dataclass(frozen=True)
class Plan:
    """What is sent."""

    media: Path
    names: Sequence[str]
    fps: int
    words: Sequence[str] = ()
    "Options of the sender."


class Seen(Sink):
    """What truefeed made of one participant."""

    def __init__(self, fps: int) -> None:
        self.start: float | None = None
        "When the first picture was due, s."
        self._fps = fps
        self.clear()

    def clear(self) -> None:
        self.ages: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.figures: dict[str, Any] = {}

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self.statuses[verdict.status] += 1
        self.reasons.update(verdict.reasons)
        if frame is not None and self.start is not None:
            self.ages.append((time.monotonic() - self.start - read_stamp(frame.image) / self._fps) % _CLIP)

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self.figures = dict(figures)

    @property
    def verdicts(self) -> int:
        return self.statuses.total()


@contextmanager
def publishing(plan: Plan, url: str, seen: Mapping[str, Seen]) -> Iterator[None]:
    """Run the sender; note when each of its cameras began."""
    sender = Path(__file__).with_name("webrtc_sender.py")
    command = [sys.executable, sender, url, plan.media, *plan.names, "--fps", str(plan.fps), *plan.words]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def note() -> None:
        for line in process.stdout or ():
            told = json.loads(line)
            seen[told["name"]].start = told["start"]

    reader = threading.Thread(target=note, daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
        reader.join(5)


def call(plan: Plan, models: Models, seconds: float) -> tuple[dict[str, Seen], Usage, int]:
    """Receive what the plan sends; return what was seen of each, what it cost, and how many pictures were dropped."""
    wake, usage = threading.Event(), Usage()
    seen = {name: Seen(plan.fps) for name in plan.names}
    server = CallServer(SourceOptions(stall=15.0), port=0)
    server.start(wake)
    lines: list[Pipeline] = []
    try:
        with publishing(plan, server.url.removesuffix("/call") + "/whip", seen):
            lines = _arrived(server, models, seen, wake)
            turn(lines, _WARM, wake, lambda: None)
            before = sum(line.capture.stats.dropped for line in lines)
            for one in seen.values():
                one.clear()
            usage.start()
            usage.sample()
            turn(lines, seconds, wake, usage.sample)
            usage.stop()
            usage.sample()
            dropped = sum(line.capture.stats.dropped for line in lines) - before
            for line in lines:
                seen[line.participant or ""].figures |= line.capture.source.report()  # type: ignore[attr-defined]
    finally:
        close(lines)
        server.close()
    return seen, usage, dropped


def _arrived(server: CallServer, models: Models, seen: Mapping[str, Seen], wake: threading.Event) -> list[Pipeline]:
    """Wait for everybody, and make their lines just as `truefeed serve` does."""
    lines: list[Pipeline] = []
    over = time.monotonic() + 60
    while len(lines) < len(seen):
        if time.monotonic() > over:
            raise SystemExit("the publishers did not come")
        wake.wait(0.1)
        wake.clear()
        for name, source in server.arrivals():
            assert server.sink is not None
            sinks = Sinks([seen[name], server.sink], sys.stderr)
            alarm = Alarm(alarm_settings(models.face_window, StreamSettings("call")))
            lines.append(Pipeline(f"call#{name}", Capture(source, wake=wake), models, alarm, sinks, participant=name))
            lines[-1].start()
    return lines


def vp8(media: Path) -> Path:
    """Code a clip anew in VP8, as a browser would: constant quality, a keyframe every two seconds."""
    target = media.with_suffix(".mkv")
    with av.open(str(media)) as source, av.open(str(target), "w") as out:
        shown = source.streams.video[0]
        options = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "threads": "1"}
        video = out.add_stream("libvpx", rate=shown.average_rate, options=options)
        video.width, video.height, video.pix_fmt, video.bit_rate = shown.width, shown.height, "yuv420p", 2_000_000
        video.gop_size = 2 * int(shown.average_rate or 30)
        for frame in source.decode(shown):
            frame.pict_type = av.video.frame.PictureType.NONE
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return target


def one(media: Path, codec: str, models: Models, seconds: float) -> None:
    seen, usage, dropped = call(Plan(media, ("Ann",), 30, ("--codec", codec)), models, seconds)
    ann = seen["Ann"]
    fps, p95 = ann.verdicts / usage.seconds, percentile(ann.ages, 95) * 1000
    growth = usage.rss[-1] - usage.rss[0]
    rows = [
        ("scored, frames/s", fps, ">= 10", fps >= 10),
        ("glass to verdict p50, ms", percentile(ann.ages, 50) * 1000, "", None),
        ("glass to verdict p95, ms", p95, "< 400", p95 < 400),
        ("CPU, cores", usage.cores, "< 0.6", usage.cores < 0.6),
        ("CPU for each frame scored, ms", usage.cores / max(fps, 1e-9) * 1000, "", None),
        ("dropped for newer ones", dropped, "", None),
        ("memory at the start, MB", usage.rss[0], "", None),
        ("memory at most, MB", max(usage.rss), "", None),
        ("memory grown, MB", growth, "< 10", growth < 10),
    ]
    title = f"One participant at 720p30 in {codec}, {usage.seconds:.0f} s"
    table(title, verdict_rows(rows), ("what", "measured", "goal", "reached"))
    step = max(1, len(usage.rss) // 10)
    print(f"\nmemory every {step} s, MB: " + " ".join(f"{value:.0f}" for value in usage.rss[::step]))


def six(media: Path, models: Models, seconds: float) -> None:
    names = ("Ann", "Bob", "Cid", "Dan", "Eve", "Flo")
    seen, usage, _ = call(Plan(media, names, 30), models, seconds)
    rows = []
    for name, each in seen.items():
        fps = each.verdicts / usage.seconds
        p50, p95 = (percentile(each.ages, q) * 1000 for q in (50, 95))
        rows.append((name, fps, p50, p95, "yes" if fps >= 2 else "NO"))
    title = (
        f"Six participants at 360p30 in VP8, {usage.seconds:.0f} s: {usage.cores:.2f} cores, {max(usage.rss):.0f} MB"
    )
    table(title, rows, ("participant", "scored/s", "glass to verdict p50, ms", "p95, ms", "2 a second"))


def loss(media: Path, models: Models, seconds: float) -> None:
    rows = []
    for share, jitter in _LINES:
        words = ("--encode", "--loss", str(share), "--jitter", str(jitter))
        seen, usage, _ = call(Plan(media, ("Ann",), 15, words), models, seconds)
        ann = seen["Ann"]
        count, told = max(ann.verdicts, 1), ann.figures
        rows.append(
            (
                f"{share:.0%} loss, up to {jitter * 1000:.0f} ms late",
                ann.verdicts / usage.seconds,
                f"{ann.statuses['uncertain'] / count:.0%}",
                f"{ann.reasons['packet-loss'] / count:.0%}",
                told.get("frames_decoded"),
                told.get("frames_skipped"),
                f"{told['packets_lost'] / max(told['packets_lost'] + told['packets_received'], 1):.1%}",
                told.get("pli"),
                told.get("nack"),
            )
        )
    title = f"One participant at 360p15 in VP8 over a bad line, {seconds:.0f} s each (counts {_WARM:.0f} s longer)"
    head = ("line", "verdicts/s", "uncertain", "packet-loss", "decoded", "skipped", "packets lost", "PLI", "NACK")
    table(title, rows, head)


def main() -> None:
    parser = arguments(__doc__, 60)
    parser.add_argument("--only", nargs="+", choices=("one", "six", "loss"), default=("one", "six", "loss"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = Models.load(args.engine)
        if "one" in args.only:
            media = clip(Path(folder) / "720.mp4", width=1280, height=720, seconds=_CLIP)
            one(vp8(media), "VP8", models, args.seconds)
            one(media, "H264", models, args.seconds)
        if "six" in args.only:
            small = clip(Path(folder) / "360.mp4", width=640, height=360, seconds=_CLIP)
            six(vp8(small), models, args.seconds)
        if "loss" in args.only:
            slow = clip(Path(folder) / "slow.mp4", width=640, height=360, seconds=_CLIP, fps=15)
            loss(slow, models, args.seconds)


if __name__ == "__main__":
    main()
