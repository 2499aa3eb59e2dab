"""Pairs drawn ahead, as the frozen first stages of an encoder see them.

A module to run: `python -m truefeed.train.face.feature_bank --help`. On a CPU the first stages of the trunk are most
of the work, and a tuning leaves them as they are. So each pair is drawn, degraded and put through them once; every
training, one a fold, then reads what came out.

OUT/features.npy   (2 n, C, H, W) float16, genuine and fake in turn
OUT/pairs.npz      rows of the table, label, kind, mask and the logit that the encoder gave before
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...stream.types import Floats, Image
from ..common.loop import autocast
from ..data.labelled_faces import LabelledFaces
from .checkpoints import read_encoder
from .labelled_pairs import KINDS, LabelledPairs
from .networks import FaceEncoder
from .pairs import PairSettings, normalise
from .readout import SHARED

FROZEN = SHARED
"Stages of the trunk that a tuning leaves as they are, beside the stem."
_BATCH = 8
"Pairs that go through the network at once."


@dataclass(frozen=True, eq=False)
class FeatureBank:
    """Two rows a pair, the genuine face first."""

    features: npt.NDArray[np.float16]
    "(2 n, C, H, W), mapped from the file."
    rows: npt.NDArray[np.integer]
    "Of the table of labelled faces."
    label: npt.NDArray[np.integer]
    kind: npt.NDArray[np.str_]
    mask: Floats
    "(2 n, m, m)."
    before: Floats
    "(2 n,) logits of the encoder that is tuned."

    @classmethod
    def read(cls, folder: Path) -> FeatureBank:
        """Open a bank."""
        with np.load(folder / "pairs.npz") as table:
            held = [table[name] for name in ("rows", "label", "kind", "mask", "before")]
        return cls(np.load(folder / "features.npy", mmap_mode="r"), *held)

    def batch(self, rows: npt.NDArray[np.integer]) -> Tensor:
        """(n, C, H, W) of rows, for `seen_late`."""
        order = np.argsort(rows)
        stored = torch.from_numpy(np.asarray(self.features[rows[order]]))
        return stored[torch.from_numpy(np.argsort(order))].float()


@torch.no_grad()
def seen_early(model: FaceEncoder, crops: Floats) -> tuple[Tensor, Tensor]:
    """(n, 3, S, S) crops to what the frozen stages make of them, and the (n,) logits of the whole encoder."""
    with autocast("cpu"):
        early = model.trunk.first(torch.from_numpy(crops).to(memory_format=torch.channels_last), FROZEN)
        logits = seen_late(model, early)[0][:, -1]
    return early, logits.float()


def seen_late(model: FaceEncoder, early: Tensor) -> tuple[Tensor, Tensor]:
    """Take what the frozen stages gave, (n, C, H, W); give what the encoder does of the crops."""
    return model.judged(*model.trunk.rest(early.contiguous(memory_format=torch.channels_last), FROZEN))


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = LabelledFaces.read(args.dataset)
    faces = faces.rows(~faces.named(args.never))
    model = read_encoder(args.encoder)
    drawn = LabelledPairs(faces, PairSettings(size=args.size), args.seed)
    asked = plan(faces, args.draws, dict(zip(KINDS[1:], (args.genuine, args.pseudo, args.live), strict=True)))
    asked = [asked[i] for i in drawn.rng.permutation(len(asked))]
    args.out.mkdir(parents=True, exist_ok=True)
    make(args.out, drawn, model, asked)
    faces.save(args.out)
    sys.stderr.write(f"{args.out}: {len(asked)} pairs\n")
    return 0


def plan(faces: LabelledFaces, draws: int, others: dict[str, int]) -> list[tuple[str, int | None]]:
    """Say which pairs to draw: every fake so often, and so many of the other kinds."""
    fakes: list[tuple[str, int | None]] = [("fake", int(row)) for row in np.flatnonzero(faces.label == 1)]
    return fakes * draws + [(kind, None) for kind, count in others.items() for _ in range(count)]


def make(out: Path, drawn: LabelledPairs, model: FaceEncoder, asked: Sequence[tuple[str, int | None]]) -> None:
    """Draw the pairs and write the bank."""
    features: npt.NDArray[np.float16] | None = None
    rows: list[int] = []
    kinds: list[str] = []
    masks: list[Floats] = []
    before: list[Floats] = []
    for start in range(0, len(asked), _BATCH):
        pairs = [drawn.draw(kind, row) for kind, row in asked[start : start + _BATCH]]
        crops: Image = np.concatenate([pair.crops for pair in pairs])
        early, logits = seen_early(model, normalise(crops))
        if features is None:
            shape = (2 * len(asked), *early.shape[1:])
            features = np.lib.format.open_memmap(out / "features.npy", "w+", np.float16, shape)
        features[2 * start : 2 * start + len(crops)] = early.half().numpy()
        before.append(logits.numpy())
        for pair in pairs:
            rows += pair.rows
            kinds += [pair.kind] * 2
            masks += [np.zeros_like(pair.mask), pair.mask]
    label = np.array([i % 2 for i in range(len(rows))]) * (np.array(kinds) != "genuine")
    np.savez(
        out / "pairs.npz",
        rows=np.array(rows),
        label=label,
        kind=np.array(kinds),
        mask=np.stack(masks),
        before=np.concatenate(before),
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.feature_bank", description=__doc__)
    parser.add_argument("--dataset", type=Path, nargs="+", required=True, help="folders with labelled.npz")
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint that will be tuned")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--never", nargs="*", default=(), metavar="PREFIX", help="clips whose names begin so are not trained on"
    )
    parser.add_argument("--draws", type=int, default=1, help="pairs of each fake")
    parser.add_argument("--genuine", type=int, default=500, help="pairs of genuine faces")
    parser.add_argument("--pseudo", type=int, default=700, help="pairs with a pseudo-fake")
    parser.add_argument("--live", type=int, default=700, help="pairs with a pseudo-fake as of programs for live calls")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
