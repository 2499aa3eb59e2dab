"""Train the front end on voices and their copies: `python -m truefeed.train.voice_tune --dataset DIR --out front.pt`.

A few hundred small steps end to end from the weights of Distill-MOS: genuine clips of a sixth of the speakers against
their copies by mel filters, new phases and upsampling, a clip and its copies through the very same channel. Neither
those speakers nor any generator of the manifest is then asked about where a fold is measured, so that one front end
serves all the folds.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..stream.audio import RATE, level
from .channel import disturbed
from .voice_data import VERSIONS, Clip
from .voice_data import load as load_clips
from .voice_front import Front, pretrained
from .voice_splits import tunes

KINDS = ("copy-mel", "copy-phase", "copy-upsampled")
RATE_ENCODER, RATE_HEAD = 3e-5, 3e-3
SECONDS = 1.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice_tune", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--extra", type=Path)
    parser.add_argument("--weights", type=Path, help="distill_mos_v7.pt; default: that of the installed package")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=8, help="half of it genuine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint, .pt")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
    front = Front()
    front.encoder = pretrained(args.weights)
    tune(front, clips, args.steps, args.batch_size, np.random.default_rng(args.seed))
    words = argv if argv is not None else sys.argv[1:]
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": front.state_dict(), "command": f"python -m truefeed.train.voice_tune {command}"}, args.out)
    return 0


def tune(front: Front, clips: Sequence[Clip], steps: int, size: int, rng: np.random.Generator) -> None:
    """Train front.encoder in place; its normalisation keeps the statistics it came with."""
    encoder = front.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    encoder.eval()
    head = nn.Sequential(nn.BatchNorm1d(_width(encoder)), nn.Linear(_width(encoder), 1))
    groups = [
        {"params": list(net.parameters()), "lr": rate} for net, rate in ((encoder, RATE_ENCODER), (head, RATE_HEAD))
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    pairs = _pairs(clips)
    losses = []
    for step in range(steps):
        fade = 0.5 * (1 + float(np.cos(np.pi * step / steps)))
        optimizer.param_groups[0]["lr"] = RATE_ENCODER * fade * min(1.0, step / (0.2 * steps) + 1e-3)
        samples, labels = _batch(pairs, size, rng)
        with torch.autocast("cpu", torch.bfloat16):
            rows = encoder(samples)
        loss = F.binary_cross_entropy_with_logits(head(rows.float())[:, 0], labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 10 == 9:
            sys.stderr.write(f"step {step + 1} of {steps}  loss {np.mean(losses[-30:]):.3f}\n")
    front.encoder = encoder.to(memory_format=torch.contiguous_format)


def _width(encoder: nn.Module) -> int:
    with torch.no_grad():
        return int(encoder(torch.zeros(1, RATE)).shape[1])


def _pairs(clips: Sequence[Clip]) -> list[tuple[Clip, list[Clip]]]:
    """Genuine clips of the speakers that are set aside for this, each with its copies."""
    mine = [c for c in clips if c.split == "train" and tunes(c.speaker) and c.samples.shape[1] >= SECONDS * RATE]
    copies: dict[str, list[Clip]] = {}
    for clip in mine:
        if clip.family in KINDS:
            copies.setdefault(clip.path, []).append(clip)
    return [(clip, copies[clip.path]) for clip in mine if not clip.fake and clip.path in copies]


def _batch(pairs: Sequence[tuple[Clip, list[Clip]]], size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    rows = []
    for index in rng.integers(len(pairs), size=size // 2):
        clip, copies = pairs[index]
        other = copies[int(rng.integers(len(copies)))]
        length = round(SECONDS * RATE)
        start, version = int(rng.integers(clip.samples.shape[1] - length + 1)), int(rng.integers(VERSIONS))
        seed, clean = int(rng.integers(1 << 31)), rng.random() < 0.4
        for one in (clip, other):
            window = one.version(version)[start : start + length]
            rows.append(level(window if clean else disturbed(window, np.random.default_rng(seed))))
    return torch.from_numpy(np.stack(rows)), torch.tensor([0.0, 1.0]).repeat(size // 2)


if __name__ == "__main__":
    sys.exit(main())
