"""Measure the voice model on genuine speech of unheard recordings: `python -m truefeed.train.voice.unheard_recordings`.

The tables of voice.evaluate leave generators and speakers out, and still hear all genuine speech in corpora whose sound
the training knew. Here the trainings of the folds tell the spoofs that they were kept from from the clips of
`recordings`, and the shipped model hears these through the whole live path, recording after recording: what it
calls fake there is a false positive, and an alert a false alarm.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from ...engines import Engine, load
from ...stream.audio import RATE
from ...stream.scoring.models import card_of
from ...stream.types import Alert
from .dataset import Clip, genuine
from .dataset import load as load_clips
from .evaluate import ask, trainings
from .features import OPUS, TWO, compute
from .features import load as load_rows
from .folds import HALVES, half, split
from .live_alarms import Heard, outcome, package
from .live_engine import joined, listen, raised
from .perceptrons import VoiceNet
from .tables import Answers


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(1)
    unheard = genuine(args.recordings)
    results: dict[str, Any] = {}
    if args.folds:
        clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
        fronts = [load(path, "cpu", threads=1) for path in args.halves]
        results["unseen_mean"] = against(clips, unheard, fronts, trainings(args.folds), args.cache, sys.stdout)
    if args.model:
        results["live"] = live(unheard, load(args.model, "cpu", threads=1), sys.stdout)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.unheard_recordings", description=__doc__)
    parser.add_argument("--recordings", type=Path, required=True, help="folder that voice.recordings wrote")
    parser.add_argument("--dataset", type=Path, help="as the training had it, like the next two")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--extra", type=Path, nargs="*", default=[])
    parser.add_argument("--halves", type=Path, nargs=HALVES, help="front.onnx trained --without 0, --without 1")
    parser.add_argument("--folds", type=Path, help="folder of the folds' trainings")
    parser.add_argument("--model", type=Path, help="the exported file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="results, .json")
    return parser


def against(
    clips: Sequence[Clip],
    unheard: Sequence[Clip],
    fronts: Sequence[Engine],
    runs: Sequence[tuple[int, VoiceNet]],
    cache: Path,
    out: TextIO,
) -> dict[str, dict[str, float]]:
    """Print and return the mean AUC over the families that were left out, against each package and against all."""
    rows = [load_rows(clips, front, cache, number) for number, front in enumerate(fronts)]
    heard = [compute(unheard, front, frozenset(range(len(unheard))), (TWO, OPUS)) for front in fronts]
    found: dict[str, dict[str, list[float]]] = {}
    for fold, model in runs:
        left_out = [clip for clip in split(clips, fold)[1] if clip.fake]
        for name in (TWO, OPUS):
            spoof = ask(model, rows[half(fold)], clips, left_out, name)
            real = ask(model, heard[half(fold)], unheard, unheard, name)
            for group in (*sorted({package(clip) for clip in unheard}), "all"):
                own = [i for i, clip in enumerate(real.clips) if group in (package(clip), "all")]
                logits = np.concatenate([spoof.logits, real.logits[own]])
                both = Answers(logits, [*spoof.clips, *(real.clips[i] for i in own)])
                found.setdefault(group, {}).setdefault(name, []).extend(both.by_family())
    means = {group: {n: round(float(np.mean(v)), 3) for n, v in named.items()} for group, named in found.items()}
    for group, named in means.items():
        count = sum(group in (package(clip), "all") for clip in unheard)
        out.write(f"{group}, {count} clips: {', '.join(f'{name} {value:.3f}' for name, value in named.items())}\n")
    return means


def live(unheard: Sequence[Clip], engine: Engine, out: TextIO) -> dict[str, Any]:
    """Print and return what the shipped model says of each package through the live path."""
    levels = card_of(engine).thresholds
    found: dict[str, list[tuple[Heard, float, list[Alert]]]] = {}
    for source, group in {clip.source: package(clip) for clip in unheard}.items():
        samples = joined([clip.version(0) for clip in unheard if clip.source == source])
        each = list(listen(engine, samples))
        part = each, len(samples) / RATE, raised(each, levels["alert"], levels["clear"])
        for name in (group, "all"):
            found.setdefault(name, []).append(part)
    return {name: {"recordings": len(parts)} | outcome(f"genuine: {name}", parts, out) for name, parts in found.items()}


if __name__ == "__main__":
    sys.exit(main())
