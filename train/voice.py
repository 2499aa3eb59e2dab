"""Train the voice model: `truefeed train voice --dataset DIR --epochs 40 --batch-size 128`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from .metrics import auc, eer
from .voice_data import Clip, licences
from .voice_data import load as load_clips
from .voice_net import VoiceNet
from .voice_rows import load as load_rows
from .voice_score import score
from .voice_splits import FOLDS, split

RATE_MAX = 1e-3
WARM = 0.3
"Share of the steps over which the rate rises."


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    cache = args.cache or args.out
    clips = load_clips(args.dataset, cache / "clips.npz", args.seed, args.extra)
    rows = load_rows(clips, cache / "rows.npz")
    kept, out = split(clips, args.fold)
    chosen = {id(clip) for clip in kept}
    mine = np.array([id(clips[i]) in chosen for i in rows.clip])
    values = torch.from_numpy(rows.values[mine].astype(np.float32))
    owners = [clips[i] for i in rows.clip[mine]]
    labels = torch.tensor([float(c.fake) for c in owners])
    odds = torch.from_numpy(_odds(owners))
    model = VoiceNet()
    model.centre.copy_(values.mean(0))
    model.spread.copy_(values.std(0) + 1e-3)
    optimizer = torch.optim.AdamW(model.members.parameters(), lr=RATE_MAX, weight_decay=0.1)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "last.pt"
    epoch = _resume(checkpoint, model, optimizer) if args.resume else 0
    values = model.normal(values)
    steps = max(1, len(values) // args.batch_size)
    while epoch < args.epochs:
        begin, losses = time.process_time(), []
        torch.manual_seed(args.seed * 1000 + epoch)
        model.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _rate((epoch * steps + step) / (args.epochs * steps))
            loss = _step(model, values, labels, odds, args.batch_size)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        epoch += 1
        line = {
            "epoch": epoch,
            "loss": round(float(np.mean(losses)), 4),
            "cpu_s": round(time.process_time() - begin, 1),
        }
        if epoch == args.epochs:
            line |= _check(model, out)
        _log(args.out / "log.jsonl", line)
        _save(checkpoint, model, optimizer, epoch, args, argv)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="truefeed train voice", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="folder with a manifest.csv (see voice_data)")
    parser.add_argument("--extra", type=Path, help="a second folder of the same form")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--fold", type=int, choices=range(len(FOLDS)), help="hold these families and speakers out")
    parser.add_argument("--out", type=Path, default=Path("runs/voice"))
    parser.add_argument("--cache", type=Path, help="folder of the prepared clips and windows; default: that of --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    return parser


def _odds(owners: Sequence[Clip]) -> npt.NDArray[np.float64]:
    """Chance of each window to be drawn: labels alike, and within a label a family by the square root of its size."""
    odds = np.zeros(len(owners))
    for fake in (False, True):
        where = [i for i, clip in enumerate(owners) if clip.fake == fake]
        names = [owners[i].family if fake else owners[i].source for i in where]
        _, member, counts = np.unique(names, return_inverse=True, return_counts=True)
        share = (1 / np.sqrt(counts))[member]
        odds[where] = share / share.sum()
    return odds


def _rate(done: float) -> float:
    """Rises over the first WARM of the training, then falls as half a cosine."""
    if done < WARM:
        return RATE_MAX * (0.04 + 0.96 * done / WARM)
    return RATE_MAX * 0.5 * (1 + float(np.cos(np.pi * (done - WARM) / (1 - WARM))))


def _step(model: VoiceNet, values: Tensor, labels: Tensor, odds: Tensor, size: int) -> Tensor:
    """The loss of one batch: each member draws its own windows, so that members differ."""
    losses = []
    for member in model.members:
        drawn = torch.multinomial(odds, size, replacement=True)
        x = values[drawn] + 0.1 * torch.randn(size, values.shape[1])
        losses.append(F.binary_cross_entropy_with_logits(member(x)[:, 0], labels[drawn] * 0.96 + 0.02))
    return torch.stack(losses).mean() * len(losses)


def _check(model: VoiceNet, out: Sequence[Clip]) -> dict[str, Any]:
    if not out:
        return {}
    logits, labels = score(model, out), np.array([int(c.fake) for c in out])
    return {"held_out": len(out), "auc": round(auc(labels, logits), 4), "eer": round(eer(labels, logits), 4)}


def _save(
    path: Path,
    model: VoiceNet,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    args: argparse.Namespace,
    argv: Sequence[str] | None,
) -> None:
    words = list(argv if argv is not None else sys.argv[1:])
    # The model keeps the command, not the folders of a machine.
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": epoch,
        "settings": asdict(model.settings),
        "seed": args.seed,
        "data": licences(args.dataset) + (licences(args.extra) if args.extra else []),
        "command": f"truefeed train voice {command}",
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def _resume(path: Path, model: VoiceNet, optimizer: torch.optim.Optimizer) -> int:
    """Load a checkpoint where there is one; return how many epochs are done."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["epoch"])


def _log(path: Path, line: dict[str, Any]) -> None:
    text = json.dumps(line)
    sys.stderr.write(text + "\n")
    with path.open("a") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
