"""What a way of training reaches on groups it never saw: `python -m truefeed.train.face.left_out --help`.

Trains one encoder a fold on everything but the fold's groups and its share of the other people, asks it, at several
steps and several shares of the way from the old weights to the new ones, of the clips that were left out, and prints
the mean over groups: that chooses, never a figure of a group that was learned from. OUT/NAME.pt are the encoders,
OUT/answers.npz what they say of each clip left out, for the calibration and for `truefeed evaluate --suite`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ...stream.types import Floats, Image
from ..common.loop import autocast, save
from ..common.metrics import auc
from ..data.face_crops import recut
from ..data.labelled_faces import LabelledFaces
from .checkpoints import read_encoder
from .feature_bank import FeatureBank, seen_early, seen_late
from .networks import FaceEncoder
from .pairs import PairSettings, normalise
from .tune import TuneSettings, between, checkpoint, left_out, mean, tuned

FOLDS: dict[str, tuple[str, ...]] = {
    "swaps-a": (
        *(f"modern/deepfacelive/{name}" for name in ("Albica", "Ava", "David", "Matilda", "Margot")),
        "modern/edtalk/",
        "modern/anitalker/",
    ),
    "swaps-b": (
        *(f"modern/deepfacelive/{name}" for name in ("Bryan", "Dean", "Ewon", "Keanu", "Meggie", "Natalie")),
        "modern/mocha/",
        "modern/sonic/",
        "modern/fantasy/",
    ),
    "dubbed": ("modern/resyncer/", "modern/keysync/"),
}
"""Of the data set that the shipped encoder was tuned on: what each fold leaves out, as beginnings of names of clips.
Swap models that show the same people are left out together, and so are generators of one kind."""
_LOSS = 0.01
_COLUMNS = ("clip", "label", "method", "identity", "group", "t", "motion")
_FRAMES = 8
"Of each clip that is asked for."
_OLD = "dev/"
"Clips of old methods, never trained on: nothing may be lost there."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(1)
    old, bank = read_encoder(args.encoder), FeatureBank.read(args.bank)
    learned, every = LabelledFaces.read([args.bank]), LabelledFaces.read(args.dataset)
    asked = every.rows(spread(every.clip, _FRAMES))
    early = features(old, asked, PairSettings(size=args.size))
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Floats] = {}
    folds = json.loads(args.folds.read_text()) if args.folds else FOLDS
    for number, (name, prefixes) in enumerate(folds.items()):
        people = f"{number}/{len(folds)}"
        rows = np.flatnonzero(left_out(asked, prefixes, people) | np.char.startswith(asked.clip, _OLD))
        allowed = ~left_out(learned, prefixes, people)
        found_by = [tuned(old, bank, learned, allowed, one, args.steps) for one in _settings(args)]
        for several in zip(*found_by, strict=True):
            step, new = several[0][0], mean([model for _, model in several])
            for share in args.shares:
                said = found.setdefault(f"{step} {share}", np.full((len(folds), len(asked)), np.nan, np.float32))
                said[number, rows] = logits(between(old, new, share), early[rows])
            save(args.out / f"{name}.pt", checkpoint(new, args))
    before = np.where(np.isnan(said), said, logits(old, early))
    figures = {key: told(asked, said) for key, said in {**found, "before": before}.items()}
    for key, said_of in figures.items():
        sys.stdout.write(f"{key:10} {'  '.join(f'{name} {value:.3f}' for name, value in said_of.items())}\n")
    best = chosen(figures)
    sys.stdout.write(f"chosen: {best}\n")
    columns = {name: getattr(asked, name) for name in _COLUMNS}
    np.savez(args.out / "answers.npz", chosen=found[best], how=best, before=before, **columns)
    return 0


def _settings(args: argparse.Namespace) -> list[TuneSettings]:
    return [TuneSettings(steps=args.steps[-1], lr=args.lr, seed=seed) for seed in args.seeds]


def chosen(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Name the best mean over groups left out, of those under which the old methods lose at most _LOSS; else of all."""
    after = {key: values for key, values in figures.items() if key != "before"}
    least = figures["before"].get(_OLD, 0.0) - _LOSS
    fit = {key: values for key, values in after.items() if values.get(_OLD, 0.0) >= least} or after
    return max(fit, key=lambda key: fit[key]["mean"])


def told(asked: LabelledFaces, said: Floats) -> dict[str, float]:
    """AUC of each group that was left out, their mean, and that of the old methods, mean over folds.

    said is (folds, faces), not a number where a face was not asked about.

    A clip scores the mean of its frames. A group is told from its own genuine clips where it has four or more, else
    from the other people that the fold left out.
    """
    found: dict[str, list[float]] = {}
    for scores in said:
        clips, first, member = np.unique(asked.clip, return_index=True, return_inverse=True)
        mean = np.bincount(member, scores) / np.bincount(member)
        known = ~np.isnan(mean)
        label, group = asked.label[first], np.where(np.char.startswith(clips, _OLD), _OLD, asked.group[first])
        faked = np.unique(group[known & (label == 1)])
        others = known & (label == 0) & ~np.isin(group, faked)
        for name in faked:
            own = known & (label == 0) & (group == name)
            against = own if own.sum() >= _LEAST else others
            both = against | (known & (label == 1) & (group == name))
            found.setdefault(name, []).append(auc(label[both], mean[both]))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    groups = [value for name, value in means.items() if name != _OLD]
    return {**means, "mean": float(np.mean(groups))} if groups else means


_LEAST = 4
"Genuine clips that a group needs to be told from its own."


def spread(clip: npt.NDArray[np.str_], count: int) -> npt.NDArray[np.intp]:
    """Return rows (m,) of at most so many faces of each clip (n,), spread evenly."""
    where = [np.flatnonzero(clip == name) for name in np.unique(clip)]
    kept = [own[np.unique(np.linspace(0, len(own) - 1, min(count, len(own))).astype(int))] for own in where]
    return np.sort(np.concatenate(kept))


def features(model: FaceEncoder, faces: LabelledFaces, settings: PairSettings) -> npt.NDArray[np.float16]:
    """Cut the faces as live video does and take them through the frozen stages: (n, C, H, W)."""
    out = []
    for start in range(0, len(faces), _BATCH):
        crops = [_plain(faces.image(row), settings) for row in range(start, min(start + _BATCH, len(faces)))]
        out.append(seen_early(model, normalise(np.stack(crops)))[0].half().numpy())
    return np.concatenate(out)


_BATCH = 32


def _plain(image: Image, settings: PairSettings) -> Image:
    matrix = recut(image.shape[0], settings.size, settings.scale)
    cut = cv2.warpAffine(image, matrix, (settings.size,) * 2, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


@torch.no_grad()
def logits(model: FaceEncoder, early: npt.NDArray[np.float16]) -> Floats:
    """(n,) frame logits of what the frozen stages gave."""
    model.eval()
    out = []
    for start in range(0, len(early), _BATCH):
        with autocast("cpu"):
            part = torch.from_numpy(np.asarray(early[start : start + _BATCH])).float()
            out.append(seen_late(model, part)[0][:, -1].float().numpy())
    return np.concatenate(out)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.left_out", description=__doc__)
    parser.add_argument(
        "--bank", type=Path, required=True, help="the folder that truefeed.train.face.feature_bank wrote"
    )
    parser.add_argument("--dataset", type=Path, nargs="+", required=True, help="folders with labelled.npz: clips")
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint that the bank was made with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=Path, help="JSON: names of folds, and beginnings of names of clips of each")
    parser.add_argument("--steps", type=int, nargs="+", default=[150, 300], help="when to ask; the last ends it")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 1.0], help="of the way to the new weights")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px")
    parser.add_argument("--lr", type=float, default=TuneSettings.lr)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="several: the mean of the weights")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
