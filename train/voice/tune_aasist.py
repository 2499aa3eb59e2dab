"""Tune the upper half of AASIST: `python -m truefeed.train.voice.tune_aasist --help`.

It starts from the parameters of the ASVspoof 5 baseline (see train.voice.aasist). The filters and the first five of six
residual blocks stay as they are, so that what they make of each second is computed once and kept; the last block and
all of the graph attention are taught on single seconds, as they come and behind lines, with a reading of the hidden
layer that starts from the baseline's own. Pages are drawn alike, and each with both labels has an offset of its own,
as in train.voice.readout. What is kept is the running mean of the weights.

`--fold N` leaves that fold's pages out (train.voice.pages); the network that ships hears everything.
"""

from __future__ import annotations

import argparse
import copy
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...stream.audio.preprocess import RATE
from ..common.loop import autocast, follow, save
from . import corpus
from .aasist import Aasist, pretrained
from .dataset import Clip
from .features import CLEAN, DRAWN, behind
from .pages import GROUPS, folds
from .readout import shares
from .score import seconds

FIXED = 5
"Residual blocks that stay as they are."
DROPOUT, SMOOTHING = 0.2, 0.06
WARM, MEAN, CLIP_NORM = 0.1, 0.99, 1.0
"Share of the steps over which the rate rises; what is kept of the running mean at a step; longest gradient."
HEAD_RATE, OFFSET_RATE = 3.0, 1e-2
"Rate of the reading over that of the network, and the rate of the offsets."


@dataclass(frozen=True, eq=False)
class Lessons:
    """Maps of single seconds behind the fixed blocks."""

    maps: npt.NDArray[np.float16]
    "(n, C, bands, frames)."
    clips: Sequence[Clip]
    "(m), one entry a clip and line."
    first: npt.NDArray[np.int64]
    "(m + 1,), where the seconds of each begin."


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    clips = [clip for folder in args.dataset for clip in corpus.load(folder)]
    if args.fold is not None:
        clips = [clips[i] for i in folds(clips)[args.fold][0]]
    model = pretrained(args.start)
    tune(model, lessons(clips, model, args.cache), args.steps, args.batch_size, args.lr, args.seed)
    words = list(argv if argv is not None else sys.argv[1:])
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save(args.out, {"model": model.state_dict(), "command": f"python -m truefeed.train.voice.tune_aasist {command}"})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.voice.tune_aasist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", type=Path, nargs="+", required=True, help="folders of speech, as for the training")
    parser.add_argument("--start", type=Path, required=True, help="parameters of the ASVspoof 5 baseline, .pth")
    parser.add_argument("--fold", type=int, choices=range(len(GROUPS)), help="leave this fold's pages out")
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--batch-size", type=int, default=32, help="seconds a step")
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--cache", type=Path, required=True, help="folder of what the fixed blocks make")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint, .pt")
    return parser


@torch.no_grad()
def lessons(clips: Sequence[Clip], model: Aasist, cache: Path) -> Lessons:
    """Send every clip, as it comes and behind a line, through the fixed blocks; keep the maps in a file in `cache`."""
    lines = [(clip, line) for line in (CLEAN, DRAWN) for clip in clips]
    counts = [clip.samples.shape[1] // RATE for clip, _ in lines]
    first = np.concatenate([[0], np.cumsum(counts)])
    cache.mkdir(parents=True, exist_ok=True)
    maps = None
    begin = time.monotonic()
    for number, (clip, line) in enumerate(lines):
        with autocast("cpu"):
            made = model.lower(torch.from_numpy(seconds(behind(clip, line))), FIXED).float().numpy()
        if maps is None:
            shape = (int(first[-1]), *made.shape[1:])
            maps = np.lib.format.open_memmap(str(cache / "maps.npy"), "w+", np.float16, shape)
        maps[first[number] : first[number + 1]] = made
        if number % 50 == 49:
            left = (time.monotonic() - begin) / (number + 1) * (len(lines) - number - 1)
            sys.stderr.write(f"heard {number + 1} of {len(lines)} clips, {left / 60:.0f} min left\n")
    assert maps is not None
    return Lessons(maps, [clip for clip, _ in lines], first)


def tune(model: Aasist, given: Lessons, steps: int, size: int, rate: float, seed: int) -> None:
    """Train the upper half of a network in place, its reading included.

    Args:
        model: in eval mode: its norms keep the statistics that they came with.
        given: what to learn from.
        steps: of the optimizer.
        size: seconds a step.
        rate: highest rate of the network.
        seed: of what is drawn.
    """
    upper = [p for name, p in model.named_parameters() if not _fixed(name)]
    head = _reading(model)
    domains = _domains(given.clips)
    offsets = nn.Parameter(torch.zeros(int(domains.max()) + 1))
    groups = [{"params": upper, "lr": rate}, {"params": head.parameters(), "lr": rate * HEAD_RATE}]
    optimizer = torch.optim.AdamW([*groups, {"params": [offsets], "lr": OFFSET_RATE}], weight_decay=0.01)
    highest = [group["lr"] for group in optimizer.param_groups]
    kept, kept_head = copy.deepcopy(model), copy.deepcopy(head)
    random, odds = np.random.default_rng(seed), shares(given.clips)
    labels = torch.tensor([float(clip.fake) for clip in given.clips]) * (1 - SMOOTHING) + SMOOTHING / 2
    losses: list[float] = []
    for step in range(steps):
        for group, top in zip(optimizer.param_groups, highest, strict=True):
            group["lr"] = top * _rate(step, steps)
        drawn = random.choice(len(given.clips), size, p=odds)
        which = [int(random.integers(given.first[k], given.first[k + 1])) for k in drawn]
        maps = torch.from_numpy(given.maps[which].astype(np.float32)).to(memory_format=torch.channels_last)
        with autocast("cpu"):
            hidden = model.upper(maps, FIXED)
        known = offsets * (torch.arange(len(offsets)) > 0)
        logits = head(F.dropout(hidden.float(), DROPOUT))[:, 0] + known[domains[drawn]]
        loss = F.binary_cross_entropy_with_logits(logits, labels[drawn])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(upper, CLIP_NORM)
        optimizer.step()
        follow(kept, model, step, MEAN)
        follow(kept_head, head, step, MEAN)
        losses.append(loss.item())
        if step % 50 == 49:
            sys.stderr.write(f"step {step + 1} of {steps}  loss {np.mean(losses[-50:]):.3f}\n")
    model.load_state_dict(kept.state_dict())
    with torch.no_grad():  # the reading's one logit, as the difference of the two that the network has
        model.out.weight.copy_(torch.cat([kept_head.weight, -kept_head.weight]) / 2)
        model.out.bias.copy_(torch.cat([kept_head.bias, -kept_head.bias]) / 2)


def _fixed(name: str) -> bool:
    return name.startswith(("first_norm", "out", *(f"blocks.{i}." for i in range(FIXED))))


def _reading(model: Aasist) -> nn.Linear:
    """Return the baseline's own reading of the hidden layer as one logit, half as sure of itself."""
    head = nn.Linear(model.out.in_features, 1)
    with torch.no_grad():
        head.weight.copy_((model.out.weight[:1] - model.out.weight[1:]) / 2)
        head.bias.copy_((model.out.bias[:1] - model.out.bias[1:]) / 2)
    return head


def _rate(step: int, steps: int) -> float:
    return float(min(1.0, (step + 1) / (steps * WARM)) * 0.5 * (1 + np.cos(np.pi * step / steps)))


def _domains(clips: Sequence[Clip]) -> Tensor:
    """Number the domains that have both labels from 1 on; all others are 0."""
    genuine, spoof = ({clip.domain for clip in clips if clip.fake == fake} for fake in (False, True))
    names = {name: number for number, name in enumerate(sorted(genuine & spoof), 1)}
    return torch.tensor([names.get(clip.domain, 0) for clip in clips])


if __name__ == "__main__":
    sys.exit(main())
