"""Calibrate the exported model of synthesised faces and judge it on held-back pictures.

The part `tune` sets calibration and thresholds, which go into the file's card; the part `test` is only judged: both
classes plain, re-compressed, at half size and both. Genuine pictures of other sources, and frames of genuine clips,
tell the false positives. `python -m truefeed.train.synthetic.evaluate --help`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engines import Card, Engine, load
from ...stream.faces import CenterFace
from ...stream.faces.tiled_detection import find
from ...stream.scoring.face_scorer import blob
from ...stream.scoring.models import card_of
from ...stream.scoring.synthetic_scorer import synthesis, views
from ...stream.types import Floats, Image
from ..common import metrics
from ..common.card_file import restamp
from ..data import datasets
from ..data.face_crops import largest, spread
from ..eval.calibrate import ceiling, platt
from . import dataset
from .dataset import CONDITIONS, Still

Logits = npt.NDArray[np.float64]
_FALSE_POSITIVES, _MISSES = 0.01, 0.1
"Shares of the part `tune`: genuine pictures called fake, synthesised ones called real."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    engine = load(args.model, "cpu")
    placed = dataset.split(args.dataset, args.unseen, args.most, args.seed)
    stills = dataset.read(placed, args.points)
    card = calibrated(engine, [s for s in stills if s.part == "tune"])
    test = [s for s in stills if s.part == "test"]
    results: dict[str, Any] = {"auc": {}, "called_fake": {}}
    scores = {c: logits(engine, [s for s in test if s.fake or s.source == args.twins], c) for c in CONDITIONS}
    labels = np.array([int(s.fake) for s in test if s.fake or s.source == args.twins])
    for condition, z in scores.items():
        low, high = metrics.bootstrap(metrics.auc, labels, z, np.arange(len(labels)).astype(str), 1000)
        results["auc"][condition] = [round(v, 4) for v in (metrics.auc(labels, z), low, high)]
        for name, side in (("synthesised", 1), (args.twins, 0)):
            results["called_fake"].setdefault(name, {})[condition] = _called(card, z[labels == side])
    for source in sorted({s.source for s in test if not s.fake and s.source != args.twins}):
        mine = [s for s in test if s.source == source][: args.others]
        found = {c: _called(card, logits(engine, mine, c)) for c in (CONDITIONS[0], CONDITIONS[-1])}
        results["called_fake"][source] = found
    if args.clips:
        results["called_fake"]["frames of genuine clips"] = {"plain": _called(card, frames(engine, args.clips))}
    restamp(args.model, replace(card, training={**card.training, "results": results}))
    sys.stdout.write(json.dumps({"calibration": card.calibration, "thresholds": card.thresholds, **results}) + "\n")
    sys.stderr.write(text(results))
    return 0


def calibrated(engine: Engine, tune: Sequence[Still]) -> Card:
    """Return the card with what fits the pictures of the part `tune`, under every condition."""
    z = np.concatenate([logits(engine, tune, condition) for condition in CONDITIONS])
    labels = np.tile([int(s.fake) for s in tune], len(CONDITIONS))
    a, b = platt(z, labels)
    card = replace(card_of(engine), calibration=(round(a, 4), round(b, 4)))
    fake_at = synthesis(ceiling(z[labels == 0], _FALSE_POSITIVES), card.calibration, 1, 0).fake
    real_at = synthesis(float(np.quantile(z[labels == 1], _MISSES)), card.calibration, 1, 0).fake
    return replace(card, thresholds={"fake": round(fake_at, 4), "real": round(min(real_at, 0.5, fake_at), 4)})


def logits(engine: Engine, stills: Sequence[Still], condition: str) -> Logits:
    """Return (n,) logits of pictures after one of CONDITIONS."""
    return np.array([_logit(engine, *dataset.after(still, condition)) for still in stills])


def frames(engine: Engine, clips: Path, count: int = 2) -> Logits:
    """Return the logits of the largest face in so many frames of each genuine clip."""
    detector, found = CenterFace(), []
    for clip in datasets.read(clips):
        for image in [] if clip.fake else spread(clip.path, count)[0]:
            if faces := find(detector, image):
                found.append(_logit(engine, image, largest(faces).points))
    return np.array(found)


def _logit(engine: Engine, image: Image, points: Floats) -> float:
    card = card_of(engine)
    return float(engine.run({"crops": blob(views(image, points, card), card)})["logit"].mean())


def _called(card: Card, z: Logits) -> list[float]:
    """Return the share called fake, its exact 95% interval, and how many there are."""
    count = sum(synthesis(float(v), card.calibration, card.thresholds["fake"], 0).status == "fake" for v in z)
    low, high = metrics.share_interval(count, len(z))
    return [round(count / max(len(z), 1), 4), round(low, 4), round(high, 4), len(z)]


def text(results: dict[str, Any]) -> str:
    """The results as lines to read."""
    lines = [f"AUC, {c}: {v:.3f} ({low:.3f} to {high:.3f})" for c, (v, low, high) in results["auc"].items()]
    for name, found in results["called_fake"].items():
        told = "; ".join(f"{c} {v:.1%} ({low:.1%} to {high:.1%})" for c, (v, low, high, _) in found.items())
        lines.append(f"called fake of {next(iter(found.values()))[3]} {name}: {told}")
    return "\n".join(lines) + "\n"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.synthetic.evaluate", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--model", type=Path, required=True, help="face-still.onnx; its card is rewritten")
    parser.add_argument("--dataset", type=Path, required=True, help="as the training had it, like the next five")
    parser.add_argument("--points", type=Path, required=True, help="points.npz of the training")
    parser.add_argument("--twins", default="generated/real")
    parser.add_argument("--unseen", nargs="*", default=[])
    parser.add_argument("--most", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--others", type=int, default=600, help="pictures judged of each folder that is no twin")
    parser.add_argument("--clips", type=Path, help="labelled clips: frames of the genuine ones are judged too")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
