"""Train the temporal head on windows of embeddings: `python -m truefeed.train.face.train_head --help`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as fn

from ..common.loop import save
from ..common.metrics import auc
from .networks import HeadSettings, WindowHead


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.train_head", description=__doc__)
    parser.add_argument(
        "--windows", type=Path, required=True, help="the file that truefeed.train.face.head_windows wrote"
    )
    parser.add_argument("--out", type=Path, required=True, help="the head's checkpoint")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    table = np.load(args.windows)
    held = _held_out(table["identity"], args.seed)
    rows, ages = torch.from_numpy(table["rows"]), torch.from_numpy(table["ages"])
    label = torch.from_numpy(table["label"]).float()
    settings = HeadSettings(embedding=rows.shape[2] - 1)
    model = WindowHead(settings)
    optimizer = torch.optim.AdamW(model.parameters(), args.lr, weight_decay=0.1)
    train, test = torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))
    plain = _held_auc(model, rows[test], ages[test], label[test])  # untrained, it is the mean of the frame logits
    best = (plain, 0)
    _save(args, model, *best)
    for epoch in range(args.epochs):
        loss = _epoch(model, optimizer, rows[train], ages[train], label[train], args.batch_size)
        score = _held_auc(model, rows[test], ages[test], label[test])
        sys.stderr.write(f"epoch {epoch + 1}  loss {loss:.4f}  held-out window AUC {score:.4f}\n")
        if score > best[0]:
            best = (score, epoch + 1)
            _save(args, model, *best)
    sys.stderr.write(f"best {best[0]:.4f} at epoch {best[1]}; the plain mean of the frame logits gives {plain:.4f}\n")
    return 0


def _save(args: argparse.Namespace, model: WindowHead, score: float, epoch: int) -> None:
    state = {"settings": asdict(model.settings), "model": model.state_dict(), "epoch": epoch, "auc": score}
    save(args.out, {**state, "command": {k: str(v) for k, v in vars(args).items()}})


def _held_out(identity: np.ndarray, seed: int) -> np.ndarray:
    """Hold back a fifth of the people."""
    people = np.unique(identity)
    count = len(people) // 5 or min(1, len(people) - 1)
    chosen = np.random.default_rng(seed).choice(people, count, replace=False)
    return np.isin(identity, chosen)


def _epoch(
    model: WindowHead, optimizer: torch.optim.Optimizer, rows: Tensor, ages: Tensor, label: Tensor, batch: int
) -> float:
    model.train()
    losses = []
    for index in torch.randperm(len(rows)).split(batch):  # type: ignore[no-untyped-call]
        mask = (ages[index] >= 0).float()
        # Rows go missing in calls, and a window is short at first: half of them are thinned or cut.
        mask = mask * _thin(mask)
        logit = model(rows[index], ages[index].clamp_min(0), mask)
        loss = fn.binary_cross_entropy_with_logits(logit, 0.95 * label[index] + 0.025)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def _thin(mask: Tensor) -> Tensor:
    batch, length = mask.shape
    kept = (torch.rand(batch, length) < torch.empty(batch, 1).uniform_(0.3, 1.0)).float()
    first = torch.randint(0, length - 2, (batch, 1)) * (torch.rand(batch, 1) < 0.4)
    kept = kept * (torch.arange(length)[None] >= first)
    # The newest row is always there.
    kept[:, -1] = 1
    return kept


@torch.no_grad()
def _held_auc(model: WindowHead, rows: Tensor, ages: Tensor, label: Tensor) -> float:
    model.eval()
    logit = model(rows, ages.clamp_min(0), (ages >= 0).float())
    return auc(label.numpy().astype(int), logit.numpy())


if __name__ == "__main__":
    sys.exit(main())
