"""What looking at a sample of a long video costs in accuracy, and saves: `python benchmarks/sampling.py CLIPS`.

CLIPS holds the folders `real` and `fake`. Each clip is looped, without coding it anew, until it is long enough to be
sampled, and judged twice: by a sample, as `truefeed scan` does, and by every frame, as with `--every-frame`. With
`--part` genuine clips of a minute are judged in which one fake clip was put, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from truefeed.stream.scan.probe import Found
from truefeed.stream.scan.scanner import Job, judge
from truefeed.stream.scoring.models import Models
from truefeed.stream.types import Report

_SIDE = 480


def ffmpeg(*words: object) -> None:
    """Run it, quietly."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)], check=True)


def looped(clip: Path, seconds: float, out: Path) -> Path:
    """Repeat a clip without coding it anew."""
    ffmpeg("-stream_loop", 99, "-i", clip, "-t", seconds, "-an", "-c", "copy", out)
    return out


def with_part(genuine: Path, fake: Path, out: Path) -> Path:
    """Put a fake clip behind half a minute of a genuine one; what follows is genuine, too, a minute in all."""
    same = f"scale={_SIDE}:{_SIDE}:force_original_aspect_ratio=decrease,pad={_SIDE}:{_SIDE}:-1:-1,setsar=1,fps=25"
    graph = f"[0:v]{same},split[a][b];[a]trim=0:30[c];[1:v]{same}[d];[b]trim=30:54,setpts=PTS-STARTPTS[e]"
    graph += ";[c][d][e]concat=n=3[v]"
    ffmpeg(
        *("-stream_loop", 99, "-i", genuine, "-i", fake, "-filter_complex", graph, "-map", "[v]", "-t", 60),
        *("-crf", 18, "-preset", "veryfast", "-threads", 1, out),
    )
    return out


def both(clip: Path, models: Models) -> dict[str, Any]:
    """Judge a video by a sample and by every frame."""
    told: dict[str, Any] = {}
    for name, every in (("sample", False), ("every", True)):
        began = time.process_time()
        report = judge(Found(clip, named=True), models, every_frame=every)
        assert report is not None
        if report.error is not None:
            raise SystemExit(report.error)
        told[name] = {"fake": report.fake_probability, "status": report.status, "cpu": time.process_time() - began}
        told[name]["share"] = _share(report)
    return told


def _share(report: Report) -> float:
    return 1.0 if report.sampled is None else report.sampled["looked_at"] / report.sampled["frames"]


def auc(genuine: list[float], fakes: list[float]) -> float:
    """Return the area under the ROC curve."""
    return float(np.mean([(f > g) + (f == g) / 2 for f in fakes for g in genuine]))


def _clips(root: Path) -> Iterator[tuple[Path, bool]]:
    for label in ("real", "fake"):
        yield from ((clip, label == "fake") for clip in sorted((root / label).rglob("*.mp4")))


def whole(root: Path, seconds: float, models: Models, folder: Path) -> dict[str, Any]:
    """Compare over all clips."""
    rows = []
    for number, (clip, fake) in enumerate(_clips(root), 1):
        found = both(looped(clip, seconds, folder / "long.mp4"), models)
        rows.append({"clip": str(clip.relative_to(root)), "label": fake, **found})
        print(f"{number} {json.dumps(rows[-1])}", file=sys.stderr, flush=True)
    told: dict[str, Any] = {"clips": len(rows)}
    for way in ("sample", "every"):
        scores = {label: [row[way]["fake"] or 0.0 for row in rows if row["label"] == label] for label in (False, True)}
        called = {label: sum(row[way]["status"] == "fake" for row in rows if row["label"] == label) for label in scores}
        told[way] = {
            "auc": round(auc(scores[False], scores[True]), 4),
            "fakes_called_fake": called[True],
            "genuine_called_fake": called[False],
            "frames": round(float(np.mean([row[way]["share"] for row in rows])), 3),
        }
    told["cpu"] = round(sum(r["sample"]["cpu"] for r in rows) / sum(r["every"]["cpu"] for r in rows), 3)
    return told


def part(root: Path, models: Models, folder: Path) -> list[dict[str, Any]]:
    """Compare over genuine clips with a fake part."""
    rows = []
    for fake in sorted((root / "fake" / "Deepfakes").glob("*.mp4")):
        genuine = root / "real" / f"{fake.stem.split('_')[0]}.mp4"
        if genuine.is_file():
            found = both(with_part(genuine, fake, folder / "part.mp4"), models)
            rows.append({"clip": fake.name, **found})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the looped clips (default 20)")
    parser.add_argument("--part", action="store_true", help="only genuine videos with one fake part")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    models = Job().load()
    with tempfile.TemporaryDirectory() as folder:
        if options.part:
            told: dict[str, Any] = {"parts": part(options.clips, models, Path(folder))}
        else:
            told = whole(options.clips, options.seconds, models, Path(folder))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
