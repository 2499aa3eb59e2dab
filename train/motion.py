"""Measure how genuine faces move, and give the temporal head what it compares with: `python -m truefeed.train.motion`.

The clips of the training part go through the same finding, following and measuring as live video does. Mean and spread
of the measures over stretches of four seconds are all that is kept of them; no fake is looked at.
"""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ..stream.faces.detect import CenterFace
from ..stream.follow import Follower
from ..stream.motion import COLUMNS, EVERY, Recent, measure
from ..stream.sources import SourceOptions, open_source
from ..stream.values import Floats, Frame
from .faces import rows
from .loop import save
from .networks import WindowHead
from .weights import read_head

_STRETCH = 4.0
"s"
_LEAST = 10
"Measurements in a stretch that counts."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.motion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with clips/manifest.csv")
    parser.add_argument("--head", type=Path, required=True, help="the checkpoint of truefeed.train.temporal")
    parser.add_argument("--gain", type=float, default=1.0, help="log-odds a spread and measure")
    parser.add_argument("--offset", type=float, default=3.0, help="sum of spreads at which the odds are even")
    parser.add_argument("--out", type=Path, required=True, help="the head's new checkpoint")
    args = parser.parse_args(argv)
    detector, stretches = CenterFace(), []
    for row in rows(args.data / "clips" / "manifest.csv"):
        if row["path"].startswith("real/"):
            stretches += watch(args.data / "clips" / row["path"], detector)
    table = np.stack(stretches)
    head = read_head(args.head)
    model = WindowHead(replace(head.settings, motion=COLUMNS))
    spread = np.maximum(table.std(0), 0.05)
    known = {"mean": table.mean(0), "spread": spread, "gain": [args.gain], "offset": [args.offset]}
    fixed = {f"motion_{name}": torch.from_numpy(np.array(value, np.float32)) for name, value in known.items()}
    model.load_state_dict({**head.state_dict(), **fixed})
    command = {k: str(v) for k, v in vars(args).items()}
    save(args.out, {"settings": asdict(model.settings), "model": model.state_dict(), "command": command})
    words = "  ".join(f"{m:.2f} +- {s:.2f}" for m, s in zip(table.mean(0), spread, strict=True))
    sys.stderr.write(f"{len(table)} stretches of genuine video: {words}\n")
    return 0


def watch(path: Path, detector: CenterFace) -> list[Floats]:
    """Return the mean measures (COLUMNS - 1,) of each stretch of the clip, of its largest face."""
    follower, recent = Follower(detector), Recent()
    found: dict[int, list[Floats]] = {}
    due = 0.0
    source = open_source(str(path), SourceOptions(pace="fast", audio=False))
    try:
        for item in source.items(threading.Event()):
            if not isinstance(item, Frame):
                continue
            recent.push(item.t, item.image)
            if item.t < due:
                continue
            due = item.t + EVERY
            tracks, images = follower.update(item.image, item.t), recent.images(item.t)
            if tracks and images:
                face = max((track.face for track in tracks), key=lambda face: face.box[2] - face.box[0])
                found.setdefault(int(item.t // _STRETCH), []).append(measure(images, face.points)[:-1])
    finally:
        source.close()
    return [np.mean(part, 0) for part in found.values() if len(part) >= _LEAST]


if __name__ == "__main__":
    sys.exit(main())
