"""Train the front end on voices and their copies: `python -m truefeed.train.voice.tune_front`.

Small steps end to end from the weights of Distill-MOS. Half of what is heard are genuine clips beside their own copies,
the other half spoof clips beside genuine ones of the same recordings; the two of a pair pass the very same channel, so
that nothing but the making tells them apart. What is kept is the running mean of the weights.

`--without N` leaves out the families and speakers of one half of the `folds`, which are then measured with
that front end; the one that ships hears everything. `--resume` goes on where an earlier run stopped.
"""

from __future__ import annotations

import argparse
import copy
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ...stream.audio import RATE, level
from ...stream.types import Floats
from ..common.loop import autocast, follow, save
from .channels import disturbed
from .dataset import VERSIONS, Clip
from .dataset import load as load_clips
from .folds import HALVES, leave_out
from .front import ROW, Front, pretrained, read, row

RATE_ENCODER, RATE_HEAD = 1e-4, 3e-3
WARM = 0.1
"Share of the steps over which the encoder's rate rises; then it falls as half a cosine."
SECONDS = 1.0
CLEAN = 0.3
"Share of the pairs that are not disturbed beyond their codec."
MEAN = 0.995
"Of the running mean of the weights, what is kept at a step."
KEEP = 100
"Steps between two checkpoints."


@dataclass(frozen=True, eq=False)
class Pairs:
    """What a batch is drawn from."""

    copies: Sequence[tuple[Clip, Sequence[Clip]]]
    "Genuine clips and their copies, sample by sample."
    spoof: Sequence[tuple[Sequence[Clip], Sequence[Clip]]]
    "Spoof clips of one family and recordings, and genuine clips of the same recordings, or all where there are none."
    odds: Floats
    "(len(spoof),), of each to be drawn."


@dataclass(frozen=True)
class Course:
    """How a training goes."""

    steps: int = 1500
    size: int = 8
    "Windows of a batch, even."
    seed: int = 1
    device: str = "cpu"
    workers: int = 0
    "Processes that make batches ahead."


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
    if args.start:
        front, _ = read(args.start)
    else:
        front = Front()
        front.encoder = pretrained(args.weights)
    words = argv if argv is not None else sys.argv[1:]
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_suffix(".checkpoint.pt")
    state = torch.load(part, map_location="cpu", weights_only=True) if args.resume and part.exists() else None
    how = Course(args.steps, args.batch_size, args.seed, args.device, args.workers)
    tune(front, pairs(clips, args.without), how, part, state)
    save(args.out, {"model": front.state_dict(), "command": f"python -m truefeed.train.voice.tune_front {command}"})
    part.unlink(missing_ok=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.tune_front", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further folders of the same form")
    parser.add_argument("--weights", type=Path, help="distill_mos_v7.pt; default: that of the installed package")
    parser.add_argument("--start", type=Path, help="start from this, of `python -m truefeed.export.voice_start`")
    parser.add_argument("--without", type=int, choices=range(HALVES), help="half of the folds to leave out")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=8, help="windows, half of them genuine")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches ahead; 0 = none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint, .pt")
    return parser


def pairs(clips: Sequence[Clip], without: int | None) -> Pairs:
    """Sort the training clips of at least SECONDS into what belongs together."""
    mine = [c for c in clips if c.split == "train" and c.samples.shape[1] >= SECONDS * RATE]
    mine = leave_out(mine, without)
    own: dict[str, list[Clip]] = {}
    for clip in mine:
        if clip.family.startswith("copy-"):
            own.setdefault(clip.path, []).append(clip)
    genuine = [c for c in mine if not c.fake]
    groups: dict[tuple[str, str], list[Clip]] = {}
    for clip in mine:
        if clip.fake and not clip.family.startswith("copy-"):
            groups.setdefault((clip.family, clip.domain), []).append(clip)
    spoof = [(group, [c for c in genuine if c.domain == domain] or genuine) for (_, domain), group in groups.items()]
    odds = np.sqrt(np.array([len(group) for group, _ in spoof], np.float32))
    return Pairs([(c, own[c.path]) for c in genuine if c.path in own], spoof, odds / max(odds.sum(), 1.0))


def tune(front: Front, given: Pairs, how: Course, part: Path | None = None, state: object = None) -> None:
    """Train front.encoder in place; its normalisation keeps the statistics it came with.

    Args:
        front: the network.
        given: what to learn from.
        how: the course.
        part: where to keep a checkpoint.
        state: such a checkpoint, to go on from.
    """
    encoder = front.encoder.eval().to(how.device)
    scale, head = _scale(encoder, given, how), nn.Linear(ROW, 1).to(how.device)
    nn.init.zeros_(head.weight)
    groups = [
        {"params": list(net.parameters()), "lr": rate} for net, rate in ((encoder, RATE_ENCODER), (head, RATE_HEAD))
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    mean = copy.deepcopy(encoder)
    kept: dict[str, Any] = {"encoder": encoder, "head": head, "mean": mean, "optimizer": optimizer}
    begin = 0
    if isinstance(state, dict):
        begin = int(state["step"])
        for name, one in kept.items():
            one.load_state_dict(state[name])
    losses = []
    batches = DataLoader(_Batches(given, how, begin), batch_size=None, num_workers=how.workers)
    for step, (samples, labels) in enumerate(batches, begin):
        optimizer.param_groups[0]["lr"] = RATE_ENCODER * _rate(step / how.steps)
        with autocast(how.device):
            moments = encoder(samples.to(how.device))
        x = ((row(moments.float()) - scale[0]) / scale[1]).clamp(-5, 5)
        loss = F.binary_cross_entropy_with_logits(head(x)[:, 0], labels.to(how.device) * 0.96 + 0.02)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        follow(mean, encoder, step, MEAN)
        losses.append(loss.item())
        if step % 20 == 19:
            sys.stderr.write(f"step {step + 1} of {how.steps}  loss {np.mean(losses[-100:]):.3f}\n")
        if part and step % KEEP == KEEP - 1:
            save(part, {"step": step + 1} | {name: one.state_dict() for name, one in kept.items()})
    front.encoder = mean.cpu()


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """The batches of a course from one of its steps on, each drawn by its own number: see _batch."""

    def __init__(self, given: Pairs, how: Course, begin: int) -> None:
        self.given, self.how, self.begin = given, how, begin

    def __len__(self) -> int:
        return self.how.steps - self.begin

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return _batch(self.given, self.how.size, np.random.default_rng((self.how.seed, self.begin + index)))


def _rate(done: float) -> float:
    return done / WARM + 0.01 if done < WARM else 0.5 * (1 + float(np.cos(np.pi * (done - WARM) / (1 - WARM))))


@torch.no_grad()
def _scale(encoder: nn.Module, given: Pairs, how: Course) -> tuple[Tensor, Tensor]:
    """Mean and spread of the pooled activations as they come."""
    batches = [_batch(given, 8, np.random.default_rng((how.seed, 1 << 30, i)))[0] for i in range(12)]
    rows = torch.cat([row(encoder(samples.to(how.device))) for samples in batches])
    return rows.mean(0), rows.std(0) + 1e-3


def _batch(given: Pairs, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    rows = []
    for _ in range(size // 2):
        copied = bool(rng.random() < 0.5) or not len(given.spoof)
        if copied:
            clip, copies = given.copies[int(rng.integers(len(given.copies)))]
            other = copies[int(rng.integers(len(copies)))]
        else:
            spoof, genuine = given.spoof[int(rng.choice(len(given.spoof), p=given.odds))]
            clip, other = genuine[int(rng.integers(len(genuine)))], spoof[int(rng.integers(len(spoof)))]
        start, version = rng.random(), int(rng.integers(VERSIONS))
        channel, clean = int(rng.integers(1 << 31)), rng.random() < CLEAN
        for one in (clip, other):
            window = _cut(one.version(version), start)
            rows.append(level(window if clean else disturbed(window, np.random.default_rng(channel))))
    return torch.from_numpy(np.stack(rows)), torch.tensor([0.0, 1.0]).repeat(size // 2)


def _cut(samples: Floats, start: float) -> Floats:
    length = round(SECONDS * RATE)
    begin = int(start * (len(samples) - length + 1))
    return samples[begin : begin + length]


if __name__ == "__main__":
    sys.exit(main())
