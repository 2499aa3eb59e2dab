"""What a line costs the voice model: `python -m truefeed.train.voice.by_codec --dataset DIR --model voice.onnx`.

The `dev` clips of the manifest, 2 s of each, are heard as they come and through each codec, lost packets, a room, noise
and a telephone's band; both labels pass the same. Prints AUC [95% over speakers] and EER, and how many of either label
are called fake. Genuine ones that are, beside those of the clean line, are what a line costs those who speak on it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from ...engines import Engine, load
from ...stream.atomic import write_text
from ...stream.audio import RATE, level
from ...stream.calibration import sigmoids
from ...stream.errors import ConfigError
from ...stream.scoring.models import card_of
from .dataset import Clip, dev
from .features import DRAWN, LINES, Line
from .score import logit
from .tables import Answers, cell

SECONDS = 2.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.by_codec", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="voice.onnx")
    parser.add_argument("--out", type=Path, help="results, .json")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each clip (default {SECONDS:g})")
    args = parser.parse_args(argv)
    engine = load(args.model, "cpu", threads=1)
    clips = [clip for clip in dev(args.dataset) if clip.samples.shape[1] >= args.seconds * RATE]
    if len({clip.fake for clip in clips}) < 2:
        raise ConfigError(f"{args.dataset}: no genuine or no spoof `dev` clip with {args.seconds:g} s of speech")
    results = {name: through_line(engine, clips, line, args.seconds) for name, line in LINES.items() if name != DRAWN}
    genuine = sum(not clip.fake for clip in clips)
    sys.stdout.write(f"{genuine} genuine and {len(clips) - genuine} spoof clips\n\n")
    sys.stdout.write("| line | AUC [95%] / EER | genuine called fake | spoof called fake |\n|---|---|---|---|\n")
    for name, row in results.items():
        auc, low, high, eer = row["cell"]
        shares = " | ".join(f"{row[label]:.0%}" for label in ("genuine", "spoof"))
        sys.stdout.write(f"| {name} | {auc:.3f} [{low:.2f} {high:.2f}] / {eer:.2f} | {shares} |\n")
    if args.out:
        write_text(args.out, json.dumps(results, indent=1) + "\n")
    return 0


def through_line(engine: Engine, clips: list[Clip], line: Line, seconds: float) -> dict[str, Any]:
    """Return AUC, interval and EER of clips (of each the first seconds, s) behind a line, and shares called fake."""
    card = card_of(engine)
    logits = []
    for clip in clips:
        window = clip.version(0)[: round(seconds * RATE)]
        # By its path, so that each model hears the same.
        rng = np.random.default_rng(crc32(clip.path.encode()))
        logits.append(logit(engine, level(line(window, rng))))
    answers = Answers(np.array(logits), clips)
    fake = sigmoids(answers.logits, card.calibration) >= card.thresholds["fake"]
    shares = {name: float(fake[answers.labels == label].mean()) for label, name in enumerate(("genuine", "spoof"))}
    return {"cell": cell(answers)} | shares


if __name__ == "__main__":
    sys.exit(main())
