"""Estimate the statistics of an encoder's norms anew on genuine frames: `python -m truefeed.train.face.norm_stats`.

An encoder trained on stills meets video with norms that expect stills, and with half of every batch manipulated, which
no stream has. Estimating the statistics of batch normalisation anew on the pictures that it will meet is adaptive batch
normalisation (Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", 2016); no label is needed.
`train.face.train_encoder --init OUT --hold-norms` then goes on with them as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from ...stream.types import Floats
from ..common.loop import save
from .checkpoints import read_encoder
from .pairs import Pairs, PairSettings, normalise

_BATCH = 48


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.norm_stats", description=__doc__)
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="a checkpoint of truefeed.train.face.train_encoder")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint with the new statistics")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px, as in training")
    parser.add_argument("--share", type=float, default=1.0, help="of the new statistics; the rest stays as it was")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    model = read_encoder(args.encoder)
    old = {name: value.clone() for name, value in model.state_dict().items() if ".running_" in name}
    pairs = Pairs(args.dataset, PairSettings(size=args.size), args.seed)
    count = settle(model, frames(pairs, np.random.default_rng(args.seed)))
    for name, value in old.items():
        model.state_dict()[name].lerp_(value, 1 - args.share)
    command = {k: str(v) for k, v in vars(args).items()}
    save(args.out, {"settings": asdict(model.settings), "average": model.state_dict(), "command": command})
    sys.stderr.write(f"{args.out}: norms settled on {count} frames\n")
    return 0


def frames(pairs: Pairs, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield (n, 3, S, S) batches: every frame of the clips once, in random order, as it is."""
    names, counts = np.unique(pairs.identity, return_counts=True)
    chosen = rng.permutation(np.flatnonzero(np.isin(pairs.identity, names[counts > 1])))
    for start in range(0, len(chosen), _BATCH):
        crops = []
        for index in chosen[start : start + _BATCH]:
            image = pairs.subject(int(index)).image
            matrix = pairs.cut(image.shape[0], rng)
            side = pairs.settings.size
            crops.append(cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE))
        yield normalise(np.stack(crops))


@torch.no_grad()
def settle(model: nn.Module, batches: Iterator[Floats]) -> int:
    """Replace the running statistics of every batch norm by their mean over the batches; return how many pictures.

    A batch is (n, 3, S, S), normalised.
    """
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    count = 0
    for crops in batches:
        model(torch.from_numpy(crops).to(memory_format=torch.channels_last))
        count += len(crops)
    model.eval()
    return count


def hold(model: nn.Module) -> None:
    """Keep the statistics of the norms as they are until `train` is called on the model again."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


if __name__ == "__main__":
    sys.exit(main())
