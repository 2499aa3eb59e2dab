"""Train the voice model: `truefeed train voice --dataset DIR --epochs 12 --batch-size 128`."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engines import load as load_engine
from ..common.loop import save
from ..common.metrics import auc, eer
from .dataset import Clip, licences, sources
from .dataset import load as load_clips
from .features import LEARN, TWO, Rows
from .features import load as load_rows
from .folds import FOLDS, half, split
from .nap import directions
from .perceptrons import VoiceNet, VoiceSettings

RATE_MAX = 1e-3
WARM = 0.3
"Share of the steps over which the rate rises."
OFFSET = 10.0
"Scale of a domain's offset, so that it moves faster than the weights."
FURTHER = 0.03
"Weight of a window of further recordings, which are many: enough of them to be known, not enough to be the measure."


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    cache = args.cache or args.out
    clips = load_clips(args.dataset, cache / "clips.npz", args.seed, [*args.extra, *args.recordings])
    further = frozenset().union(*(sources(folder) for folder in args.recordings))
    without = None if args.fold is None else half(args.fold)
    rows = load_rows(clips, load_engine(args.front, "cpu", threads=1), cache, without)
    lessons, out = _lessons(clips, rows, args.fold, further)
    model = _scaled(lessons, further)
    lessons.values = model.normal(lessons.values)
    offsets = nn.Parameter(torch.zeros(int(lessons.domains.max()) + 1))
    groups: list[dict[str, Any]] = [{"params": model.members.parameters()}, {"params": [offsets], "weight_decay": 0.01}]
    optimizer = torch.optim.AdamW(groups, lr=RATE_MAX, weight_decay=0.1)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "last.pt"
    epoch = _resume(checkpoint, model, optimizer, offsets) if args.resume else 0
    steps = max(1, len(lessons.values) // args.batch_size)
    while epoch < args.epochs:
        begin, losses = time.process_time(), []
        torch.manual_seed(args.seed * 1000 + epoch)
        model.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _rate((epoch * steps + step) / (args.epochs * steps))
            loss = _step(model, lessons, offsets, args.batch_size)
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
            line |= _check(model, clips, rows, out)
        _log(args.out / "log.jsonl", line)
        _save(checkpoint, model, optimizer, offsets, epoch, args, argv)
    return 0


@dataclass
class Lessons:
    """What a training reads, one entry a window."""

    values: Tensor
    "(n, size)."
    labels: Tensor
    "(n,), 1 for spoof."
    odds: Tensor
    "(n,), chance to be drawn."
    domains: Tensor
    "(n,), which recordings a window is of: a page, a corpus; 0 where only one label is known of them."
    owners: list[Clip]
    "(n,), the clip that each is a window of."


def _lessons(
    clips: Sequence[Clip], rows: Rows, fold: int | None, further: frozenset[str] = frozenset()
) -> tuple[Lessons, list[int]]:
    """Return what to learn from, of which the sources `further` weigh FURTHER, and the indices of what is held out."""
    kept, out = split(clips, fold)
    chosen, held = {id(clip) for clip in kept}, {id(clip) for clip in out}
    mine = (rows.part == LEARN) & np.array([id(clips[i]) in chosen for i in rows.clip])
    owners = [clips[i] for i in rows.clip[mine]]
    lessons = Lessons(
        torch.from_numpy(rows.values[mine].astype(np.float32)),
        torch.tensor([float(c.fake) for c in owners]),
        torch.from_numpy(_odds(owners, further)),
        torch.from_numpy(_domains(owners)),
        owners,
    )
    return lessons, [i for i, clip in enumerate(clips) if id(clip) in held]


def _scaled(lessons: Lessons, further: frozenset[str] = frozenset()) -> VoiceNet:
    """Return perceptrons, from chance, that know the scale of these rows and what not to read in them.

    Where the sources `further` differ is read all the same: without that, too much would be gone.
    """
    centre, spread = lessons.values.mean(0), lessons.values.std(0) + 1e-3
    x = (lessons.values - centre) / spread
    ours = [i for i, clip in enumerate(lessons.owners) if clip.source not in further]
    taken = directions(x[ours].numpy(), [lessons.owners[i] for i in ours])
    model = VoiceNet(VoiceSettings(size=x.shape[1], nuisances=len(taken)))
    model.centre.copy_(centre)
    model.spread.copy_(spread)
    model.nuisance.copy_(torch.from_numpy(taken))
    model.rest.copy_(model.without(x).std(0) + 1e-3)
    return model


def _domains(owners: Sequence[Clip]) -> npt.NDArray[np.int64]:
    genuine, spoof = ({c.domain for c in owners if c.fake == fake} for fake in (False, True))
    names = {name: number for number, name in enumerate(sorted(genuine & spoof), 1)}
    return np.array([names.get(c.domain, 0) for c in owners])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="truefeed train voice", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="folder with a manifest.csv (see voice.dataset)")
    parser.add_argument(
        "--front", type=Path, required=True, help="front.onnx of `python -m truefeed.export.voice_front`"
    )
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further folders of the same form")
    parser.add_argument(
        "--recordings", type=Path, nargs="*", default=[], help="the same, drawn seldom: folders of voice.recordings"
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--fold", type=int, choices=range(len(FOLDS)), help="hold these families and speakers out")
    parser.add_argument("--out", type=Path, default=Path("runs/voice"))
    parser.add_argument("--cache", type=Path, help="folder of the prepared clips and windows; default: that of --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    return parser


def _odds(owners: Sequence[Clip], further: frozenset[str] = frozenset()) -> npt.NDArray[np.float64]:
    """Chance of each window to be drawn: labels alike, and within a label a family by the square root of its size.

    Those of the sources `further` are drawn the less by FURTHER.
    """
    odds = np.zeros(len(owners))
    weights = np.array([FURTHER if clip.source in further else 1.0 for clip in owners])
    for fake in (False, True):
        where = [i for i, clip in enumerate(owners) if clip.fake == fake]
        names = [owners[i].family if fake else owners[i].source for i in where]
        _, member, counts = np.unique(names, return_inverse=True, return_counts=True)
        share = (1 / np.sqrt(counts))[member] * weights[where]
        odds[where] = share / share.sum()
    return odds


def _rate(done: float) -> float:
    """Rises over the first WARM of the training, then falls as half a cosine."""
    if done < WARM:
        return RATE_MAX * (0.04 + 0.96 * done / WARM)
    return RATE_MAX * 0.5 * (1 + float(np.cos(np.pi * (done - WARM) / (1 - WARM))))


def _step(model: VoiceNet, lessons: Lessons, offsets: Tensor, size: int) -> Tensor:
    """The loss of one batch: each member draws its own windows, so that members differ.

    An offset a domain takes up how a page or a corpus sounds and how much of it is spoof; it is left out of use, and
    what remains is what tells the labels apart within each of them.
    """
    losses = []
    known = offsets * (torch.arange(len(offsets)) > 0)
    for member in model.members:
        drawn = torch.multinomial(lessons.odds, size, replacement=True)
        logits = member(lessons.values[drawn])[:, 0] + known[lessons.domains[drawn]] * OFFSET
        losses.append(F.binary_cross_entropy_with_logits(logits, lessons.labels[drawn] * 0.96 + 0.02))
    return torch.stack(losses).mean() * len(losses)


@torch.no_grad()
def _check(model: VoiceNet, clips: Sequence[Clip], rows: Rows, out: Sequence[int]) -> dict[str, Any]:
    values, owners = rows.asked(TWO, out)
    if not len(values):
        return {}
    logits = model.eval()(torch.from_numpy(values)).numpy()
    labels = np.array([int(clips[i].fake) for i in owners])
    return {"held_out": len(labels), "auc": round(auc(labels, logits), 4), "eer": round(eer(labels, logits), 4)}


def _save(
    path: Path,
    model: VoiceNet,
    optimizer: torch.optim.Optimizer,
    offsets: Tensor,
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
        "offsets": offsets.detach(),
        "epoch": epoch,
        "front": hashlib.sha256(args.front.read_bytes()).hexdigest(),
        "settings": asdict(model.settings),
        "seed": args.seed,
        "data": [line for folder in (args.dataset, *args.extra, *args.recordings) for line in licences(folder)],
        "command": f"truefeed train voice {command}",
    }
    save(path, state)


def _resume(path: Path, model: VoiceNet, optimizer: torch.optim.Optimizer, offsets: Tensor) -> int:
    """Load a checkpoint where there is one; return how many epochs are done."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    offsets.data.copy_(state["offsets"])
    return int(state["epoch"])


def _log(path: Path, line: dict[str, Any]) -> None:
    text = json.dumps(line)
    sys.stderr.write(text + "\n")
    with path.open("a") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
