"""Train the frame encoder on pairs of genuine faces and fakes: `python -m truefeed.train.face.train_encoder --help`."""

from __future__ import annotations

import argparse
import copy
import math
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ..common.curve import Curve, need_matplotlib
from ..common.ddp import Team
from ..common.loop import autocast, follow, groups, save, schedule
from ..common.progress import Progress
from ..data.prepared import chosen
from .checkpoints import read_encoder
from .dev_auc import Clips, embed, video_auc
from .labelled_stream import LabelledStream
from .networks import EncoderSettings, FaceEncoder
from .norm_stats import hold
from .pair_bank import Bank
from .pairs import MEAN, STD, Pairs, PairSettings


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    with Team.join(args.device) as team:
        return _train(args, team)


def _train(args: argparse.Namespace, team: Team) -> int:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    settings = PairSettings(size=args.size)
    if args.init:
        model = read_encoder(args.init)
    else:
        model = FaceEncoder(EncoderSettings(trunk=args.trunk))
        model.trunk.load_imagenet()
    model.to(team.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if args.freeze:
        model.trunk.freeze(args.freeze)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(groups(model, model.trunk, args.lr), weight_decay=0.02)
    pairs = Pairs(args.dataset, settings, args.seed, args.renders)
    both = LabelledStream(pairs, chosen(args.labelled, "train"), args.labelled_share) if args.labelled else None
    steps = math.ceil(args.epochs * len(pairs.files if both is None else both) / (args.batch_size * team.size))
    start = _resume(args, model, average, optimizer, team.device)
    # Neither a resumed run nor another process must see the first pairs again.
    pairs.seed += 1000 * start + 7919 * team.rank
    loader: DataLoader[tuple[Tensor, ...]]
    loader = DataLoader(both or pairs, args.batch_size, num_workers=args.workers, persistent_workers=args.workers > 0)
    if args.bank:
        bank = Bank(args.bank, args.size, args.batch_size, pairs.seed, stored=args.bank_size)
        loader = DataLoader(bank, None, num_workers=args.workers, persistent_workers=args.workers > 0)
    clips = Clips.read(args.dev) if args.dev else None
    curve = Curve(args.out / "curve.csv", resume=start > 0, writes=team.leads)
    network = team.spread(model)
    losses: list[float] = []
    began = time.monotonic()
    progress = Progress("step", steps, start)
    for step, (crops, masks) in enumerate(loader, start):
        if step >= steps:
            break
        done = max(step / steps, (time.monotonic() - began) / (60 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * schedule(step, step / done if step else steps)
        model.train()
        if args.hold_norms:
            hold(model)
        loss = _loss(network, _ready(crops, team.device), masks.flatten(0, 1).to(team.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        follow(average, model, step)
        losses.append(loss.item())
        if team.leads:
            progress.tell(step + 1, loss=float(np.mean(losses[-50:])))
        over = step + 1 == steps
        if args.minutes < math.inf:
            over = over or team.agree(time.monotonic() - began >= 60 * args.minutes)
        if (step + 1) % args.every == 0 or over:
            if team.leads:
                rate = (step + 1 - start) * args.batch_size * 2 * team.size / (time.monotonic() - began)
                progress.clear()
                curve.write(step + 1, float(np.mean(losses[-args.every :])), rate, _judge(average, clips, settings))
                best = clips is not None and curve.since_best("all") == 0
                _save(args, model, average, optimizer, step + 1, best=best)
            if args.patience and team.agree(curve.since_best("all") >= args.patience):
                break
        if over:
            break
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.train_encoder", description=__doc__)
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument(
        "--dev", type=Path, help="the file that truefeed.train.data.dev_clips wrote; judged, never trained on"
    )
    parser.add_argument("--out", type=Path, required=True, help="checkpoint and curve go here")
    parser.add_argument("--epochs", type=float, default=10)
    parser.add_argument(
        "--minutes",
        type=float,
        default=math.inf,
        help="end after so long, whatever --epochs says; resumed: so long again",
    )
    parser.add_argument("--labelled", type=Path, help="a split of a prepared data set: its fakes are learnt from too")
    parser.add_argument("--labelled-share", type=float, default=0.5, help="of the pairs that have a labelled fake")
    parser.add_argument("--renders", type=Path, help="the folder that truefeed.train.face.reenact_train wrote")
    parser.add_argument(
        "--bank",
        type=Path,
        nargs="+",
        help="folders that truefeed.train.face.pair_bank wrote, in place of drawing pairs",
    )
    parser.add_argument(
        "--bank-size", type=int, default=0, help="side of the crops in the bank, px, if not --size: they are resized"
    )
    parser.add_argument("--trunk", choices=("lite0", "lite2"), default="lite0", help="EfficientNet-Lite, of which size")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs: each gives a genuine and a fake picture")
    parser.add_argument("--size", type=int, default=224, help="side of the crop, px; small first, large last is fast")
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--init", type=Path, help="a checkpoint to start from, in place of the ImageNet weights")
    parser.add_argument("--freeze", type=int, default=0, help="first stages of the trunk to leave as they are")
    parser.add_argument("--hold-norms", action="store_true", help="keep the statistics of the norms of --init")
    parser.add_argument(
        "--patience", type=int, default=0, help="stop after so many checkpoints without a better dev AUC (0: never)"
    )
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    if args.patience and not args.dev:
        parser.error("--patience needs --dev: there is nothing else to be patient about")
    if args.labelled and args.bank:
        parser.error("--labelled draws its pairs as it goes, without --bank")
    need_matplotlib()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def _ready(crops: Tensor, device: str) -> Tensor:
    """(B, 2, 3, S, S), normalised or 0..255, to (2 B, 3, S, S) normalised, there."""
    moved = crops.flatten(0, 1).to(device, non_blocking=True)
    return (moved.float() - MEAN) / STD if moved.dtype == torch.uint8 else moved


def _loss(model: nn.Module, crops: Tensor, masks: Tensor) -> Tensor:
    """Genuine or fake, a picture; and manipulated or not, a cell of the map.

    A mask of NaN is of a fake of which nobody knows where it was changed.
    """
    crops = crops.to(memory_format=torch.channels_last)
    with autocast(crops.device.type):
        embedding, evidence = model(crops)
    unknown = masks.isnan().flatten(1).any(1)
    label = ((masks.flatten(1).amax(1) > 0) | unknown).float()
    verdict = fn.binary_cross_entropy_with_logits(embedding[:, -1].float(), 0.95 * label + 0.025)
    known = ~unknown
    where = fn.binary_cross_entropy_with_logits(evidence.float()[known], masks[known])
    return verdict + where


def _judge(average: FaceEncoder, clips: Clips | None, settings: PairSettings) -> dict[str, float]:
    if clips is None:
        return {}
    # Every other frame of the dev part is enough to follow a training.
    rows = np.flatnonzero(np.char.startswith(clips.clip, "dev/"))[::2]
    return video_auc(clips, rows, embed(average, clips, rows, settings.size, settings.scale)[:, -1])


def _save(
    args: argparse.Namespace,
    model: FaceEncoder,
    average: FaceEncoder,
    optimizer: Optimizer,
    step: int,
    *,
    best: bool,
) -> None:
    """Write everything that rebuilds the run; the best one so far is kept as best.pt too."""
    state = {
        "settings": asdict(model.settings),
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "command": {k: str(v) for k, v in vars(args).items()},
    }
    save(args.out / "checkpoint.pt", state)
    if best:
        shutil.copyfile(args.out / "checkpoint.pt", args.out / "best.pt")


def _resume(
    args: argparse.Namespace, model: FaceEncoder, average: FaceEncoder, optimizer: Optimizer, device: str
) -> int:
    path = args.out / "checkpoint.pt"
    if not args.resume or not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


if __name__ == "__main__":
    sys.exit(main())
