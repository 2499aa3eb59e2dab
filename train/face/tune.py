"""Tune an encoder on labelled fakes and pseudo-fakes together: `python -m truefeed.train.face.tune --help`.

The first stages stay as they are (train.face.feature_bank has run them already), every batch holds pseudo-fakes beside
real ones, the old encoder is asked what it says of the old pseudo-fakes, and what comes out is laid on the way from the
old weights to the new ones (Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022): fakes of unseen
methods lose least so. How far and how long, left-out groups decide (train.face.left_out).
"""

from __future__ import annotations

import argparse
import copy
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from ..common.loop import autocast, follow, groups, save, schedule
from ..data.labelled_faces import LabelledFaces
from .checkpoints import read_encoder
from .feature_bank import FROZEN, FeatureBank, seen_late
from .labelled_pairs import KINDS
from .networks import FaceEncoder
from .norm_stats import hold

Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class TuneSettings:
    steps: int = 300
    pairs: tuple[int, int, int, int] = (6, 2, 3, 3)
    "Of each kind in a batch: fake, genuine, pseudo, live."
    lr: float = 4e-4
    dropout: float = 0.3
    map: float = 0.7
    "Weight of the map's loss."
    ranked: float = 0.3
    "Weight of the loss that wants a fake above the genuine face beside it."
    kept: float = 0.1
    "Weight of the loss that holds the logits of old pseudo-fakes where they were."
    averaged: float = 0.99
    "Of the averaged weights, what a step keeps."
    seed: int = 1


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(1)
    faces, bank, old = LabelledFaces.read([args.bank]), FeatureBank.read(args.bank), read_encoder(args.encoder)
    out = left_out(faces, args.leave_out, args.people)
    found = []
    for seed in args.seeds:
        settings = TuneSettings(steps=args.steps, seed=seed, lr=args.lr)
        found += [new for _, new in tuned(old, bank, faces, ~out, settings, [settings.steps])]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save(args.out, checkpoint(between(old, mean(found), args.share), args))
    return 0


def checkpoint(model: FaceEncoder, args: argparse.Namespace) -> dict[str, Any]:
    """What rebuilds an encoder, and the command that made it."""
    return {
        "settings": asdict(model.settings),
        "average": model.state_dict(),
        "command": {k: str(v) for k, v in vars(args).items()},
    }


def left_out(faces: LabelledFaces, prefixes: Sequence[str], people: str = "") -> npt.NDArray[np.bool_]:
    """Say which faces are left out, (n,).

    Args:
        faces: the table.
        prefixes: beginnings of names of clips.
        people: `K/N`: of the people of whom there are no fakes the K-th N-th, drawn by name, as well.
    """
    out = faces.named(prefixes)
    if people:
        part, of = (int(number) for number in people.split("/"))
        known = np.unique(faces.group[faces.label == 1])
        mine = np.array([zlib.crc32(str(who).encode()) % of == part for who in faces.identity])
        out |= mine & ~np.isin(faces.group, known)
    return out


def tuned(
    old: FaceEncoder,
    bank: FeatureBank,
    faces: LabelledFaces,
    allowed: npt.NDArray[np.bool_],
    settings: TuneSettings,
    told: Sequence[int],
) -> Iterator[tuple[int, FaceEncoder]]:
    """Tune a copy of an encoder and yield its averaged weights on the way.

    Args:
        old: the encoder whose first stages made the bank.
        bank: pairs.
        faces: the table that the bank was drawn from.
        allowed: (faces,), of which faces it may learn.
        settings: of the training.
        told: after which steps.
    """
    torch.manual_seed(settings.seed)
    model = copy.deepcopy(old)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.trunk.freeze(FROZEN)
    model.drop.p = settings.dropout
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(groups(model, model.trunk, settings.lr), weight_decay=0.02)
    losses: list[float] = []
    for step, rows in enumerate(batches(bank, faces, allowed, settings)):
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * schedule(step, settings.steps, 40)
        model.train()
        hold(model)
        with autocast("cpu"):
            embedding, evidence = seen_late(model, bank.batch(rows))
        loss = _loss(embedding[:, -1].float(), evidence.float(), bank, rows, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        follow(average, model, step, settings.averaged)
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            sys.stderr.write(f"step {step + 1}/{settings.steps}  loss {np.mean(losses[-50:]):.3f}\n")
        if step + 1 in told:
            yield step + 1, average


def batches(
    bank: FeatureBank, faces: LabelledFaces, allowed: npt.NDArray[np.bool_], settings: TuneSettings
) -> Iterator[Rows]:
    """Yield the rows of the bank of each step, (2 pairs,), genuine and fake in turn; of allowed faces, (n,), alone."""
    rng = np.random.default_rng(settings.seed)
    first = np.arange(0, len(bank.label), 2)
    usable = allowed[bank.rows[first]] & allowed[bank.rows[first + 1]]
    of_fakes, *of_rest = settings.pairs
    clips = _by_clip(faces, bank.rows, first[usable & (bank.kind[first] == "fake")])
    names = list(clips)
    # A group of four times as many clips is drawn twice as often; the clips of a group alike.
    weight = np.array([len(clips[name]) ** 0.5 for name in names])
    pools = [first[usable & (bank.kind[first] == kind)] for kind in KINDS[1:]]
    for _ in range(settings.steps):
        chosen: list[int] = []
        for name in rng.choice(names, of_fakes, p=weight / weight.sum()) if names else ():
            chosen.append(int(rng.choice(clips[name][int(rng.integers(len(clips[name])))])))
        for pool, count in zip(pools, of_rest, strict=True):
            chosen += [int(i) for i in rng.choice(pool, count)] if len(pool) else []
        yield np.stack([chosen, np.array(chosen) + 1], 1).ravel()


def _by_clip(faces: LabelledFaces, rows: Rows, pairs: Rows) -> dict[str, list[Rows]]:
    """Pairs of each clip, by group."""
    shown = rows[pairs + 1]
    out: dict[str, list[Rows]] = {}
    for clip in np.unique(faces.clip[shown]):
        own = pairs[faces.clip[shown] == clip]
        out.setdefault(str(faces.group[rows[own[0] + 1]]), []).append(own)
    return out


def _loss(logit: Tensor, evidence: Tensor, bank: FeatureBank, rows: Rows, settings: TuneSettings) -> Tensor:
    label = torch.from_numpy(bank.label[rows]).float()
    kind = bank.kind[rows]
    loss = fn.binary_cross_entropy_with_logits(logit, 0.95 * label + 0.025)
    # Where a real fake was manipulated nobody says.
    known = torch.from_numpy((kind != "fake") | (bank.label[rows] == 0))
    mask = torch.from_numpy(bank.mask[rows])
    loss = loss + settings.map * fn.binary_cross_entropy_with_logits(evidence[known], mask[known])
    pairs = torch.from_numpy(kind[::2] != "genuine")
    loss = loss + settings.ranked * fn.softplus(1 - (logit[1::2] - logit[::2])[pairs]).mean()
    old = torch.from_numpy(kind == "pseudo")
    drift = (logit - torch.from_numpy(bank.before[rows]))[old]
    return loss + settings.kept * old.float().mean() * (drift * drift).mean() if old.any() else loss


def mean(models: Sequence[FaceEncoder]) -> FaceEncoder:
    """Average the weights of encoders tuned from the same one (Wortsman et al., "Model Soups", ICML 2022)."""
    model = copy.deepcopy(models[0])
    states = [one.state_dict() for one in models]
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.stack([state[name] for state in states]).mean(0))
    return model


def between(old: FaceEncoder, new: FaceEncoder, share: float) -> FaceEncoder:
    """Lay an encoder on the straight way from old to new weights, 0 old, 1 new."""
    model, start = copy.deepcopy(new), old.state_dict()
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.lerp(start[name], value, share))
    return model.eval()


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.tune", description=__doc__)
    parser.add_argument(
        "--bank", type=Path, required=True, help="the folder that truefeed.train.face.feature_bank wrote"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint that the bank was made with")
    parser.add_argument("--out", type=Path, required=True, help="the tuned checkpoint")
    parser.add_argument("--leave-out", nargs="*", default=(), metavar="PREFIX", help="clips whose names begin so")
    parser.add_argument("--people", default="", metavar="K/N", help="also leave out the K-th N-th of the other people")
    parser.add_argument("--share", type=float, default=1.0, help="how far to go from the old weights to the new ones")
    parser.add_argument("--steps", type=int, default=TuneSettings.steps)
    parser.add_argument("--lr", type=float, default=TuneSettings.lr)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="several: the mean of the weights")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
