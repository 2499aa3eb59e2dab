"""Train the network that tells wholly synthesised stills: `python -m truefeed.train.synthetic.train --help`."""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ...stream.types import Floats
from ..common.curve import Curve
from ..common.loop import autocast, follow, groups, save, schedule
from ..common.metrics import auc
from ..face.networks import StillNet
from ..face.pairs import normalise
from . import dataset
from .dataset import Still, Stills


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    placed = dataset.split(args.dataset, args.unseen, args.most, args.seed)
    stills = dataset.read(placed, args.out / "points.npz")
    model = StillNet().to(args.device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.trunk.load_imagenet()
    model.trunk.freeze(args.freeze)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(groups(model, model.trunk, args.lr), weight_decay=0.03)
    pairs = Stills(stills, args.twins, args.seed)
    steps = round(args.epochs * len(pairs.fake) / args.batch_size)
    start = _resume(args, model, average, optimizer)
    pairs.seed += 1000 * start
    tune = _pick(stills, "tune", args.twins)
    curve = Curve(args.out / "curve.csv", resume=start > 0)
    loader = DataLoader(pairs, args.batch_size, num_workers=args.workers, persistent_workers=args.workers > 0)
    losses: list[float] = []
    began = time.monotonic()
    for step, (crops, labels) in enumerate(loader, start):
        if step >= steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * schedule(step, steps, warm=50)
        model.train()
        with autocast(args.device):
            logit = model(crops.flatten(0, 1).to(args.device, memory_format=torch.channels_last))
        loss = fn.binary_cross_entropy_with_logits(logit.float(), 0.95 * labels.flatten().to(args.device) + 0.025)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        follow(average, model, step, 0.99)
        losses.append(loss.item())
        if (step + 1) % args.every == 0 or step + 1 == steps:
            rate = (step + 1 - start) * args.batch_size * 2 / (time.monotonic() - began)
            curve.write(step + 1, float(np.mean(losses[-args.every :])), rate, _judge(average, tune))
            _save(args, model, average, optimizer, step + 1)
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.synthetic.train", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="labelled pictures; see train.data.datasets")
    parser.add_argument("--twins", default="generated/real", help="folder of the genuine pictures the fakes imitate")
    parser.add_argument("--unseen", nargs="*", default=[], help="folders of genuine pictures that are only judged")
    parser.add_argument("--most", type=int, default=600, help="pictures of a folder")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint and curve go here")
    parser.add_argument("--epochs", type=float, default=20, help="over the synthesised pictures")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs of a genuine and a synthesised picture")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--freeze", type=int, default=1, help="first stages of the trunk to leave as they are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def _pick(stills: Sequence[Still], part: str, twins: str) -> list[Still]:
    """The synthesised pictures of a part with the genuine ones they imitate."""
    return [s for s in stills if s.part == part and (s.fake or s.source == twins)]


def _judge(model: StillNet, stills: Sequence[Still]) -> dict[str, float]:
    labels = np.array([int(s.fake) for s in stills])
    return {c: auc(labels, logits(model, stills, c)) for c in ("plain", "half size, JPEG 75")}


@torch.no_grad()
def logits(model: StillNet, stills: Sequence[Still], condition: str) -> Floats:
    """Return (n,) logits of pictures after one of dataset.CONDITIONS."""
    model.eval()
    device = next(model.parameters()).device
    out = []
    for start in range(0, len(stills), 32):
        crops = normalise(dataset.crops(stills[start : start + 32], condition))
        out.append(model(torch.from_numpy(crops).to(device)).float().cpu().numpy())
    return np.concatenate(out)


def _save(args: argparse.Namespace, model: nn.Module, average: nn.Module, optimizer: Optimizer, step: int) -> None:
    state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    command = {k: str(v) for k, v in vars(args).items()}
    save(args.out / "checkpoint.pt", {**state, "step": step, "command": command})


def _resume(args: argparse.Namespace, model: nn.Module, average: nn.Module, optimizer: Optimizer) -> int:
    path = args.out / "checkpoint.pt"
    if not args.resume or not path.exists():
        return 0
    state = torch.load(path, map_location=args.device, weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


if __name__ == "__main__":
    sys.exit(main())
