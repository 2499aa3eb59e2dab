"""Train truefeed, other networks and truefeed without one of its ingredients alike, and judge all on the dev clips.

Every arm gets the same number of steps, the same batches of the same seed (but for what the ingredient itself changes)
and starts from ImageNet weights where its network has them. So short a training compares; it does not reach what a
long one does. `python -m truefeed.train.face.compare --help`
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from torch.utils.data import DataLoader

from ..common import metrics
from ..common.loop import autocast, schedule
from .dev_auc import Clips, embed, video_scores
from .efficientnet_lite import EfficientNetLite
from .networks import EncoderSettings, FaceEncoder
from .pairs import Pairs, PairSettings
from .rivals import Meso4, Plain, weights


@dataclass(frozen=True)
class Arm:
    """One thing to train."""

    about: str
    network: Callable[[int], nn.Module] = lambda size: FaceEncoder(EncoderSettings())
    "From the side of the crop, px."
    pairs: Mapping[str, Any] = field(default_factory=dict)
    "What of PairSettings differs."
    map_weight: float = 1.0
    pretrained: bool = True


ARMS = {
    "truefeed": Arm("truefeed's encoder"),
    "no-map": Arm("without the map's supervision", map_weight=0.0),
    "no-donors": Arm("without swaps between people", pairs={"donors": 0.0}),
    "no-reenact": Arm("without re-rendered mouths and faces", pairs={"reenacted": 0.0}),
    "no-degradations": Arm("without degradations", pairs={"degraded": False}),
    "no-imagenet": Arm("without ImageNet weights", pretrained=False),
    "efficientnet": Arm("EfficientNet-Lite0 and one linear layer", lambda size: Plain(), map_weight=0.0),
    "meso4": Arm("MesoNet (Meso4)", Meso4, map_weight=0.0, pretrained=False),
}


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(args.threads)
    clips = Clips.read(args.dev)
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "compare.json"
    budget = {k: str(vars(args)[k]) for k in ("steps", "batch_size", "size", "freeze", "lr", "seed")}
    done: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"budget": budget, "arms": {}}
    if done["budget"] != budget:
        raise SystemExit(f"{kept}: made with another budget, {done['budget']}; take another --out")
    for name in args.arms:
        if name in done["arms"]:
            continue
        began = time.process_time()
        model = train(ARMS[name], args)
        row = {"about": ARMS[name].about, "weights": weights(model), "cpu_s": round(time.process_time() - began)}
        done["arms"][name] = {**row, "auc": judge(model, clips, args.size, args.rounds)}
        kept.write_text(json.dumps(done, indent=1))
        sys.stderr.write(f"{name}: {done['arms'][name]['auc']['all']}\n")
    sys.stdout.write(table(done) + "\n")
    return 0


def train(arm: Arm, args: argparse.Namespace) -> nn.Module:
    """Train one arm for the budget."""
    torch.manual_seed(args.seed)
    model = arm.network(args.size).to(args.device)
    trunk = getattr(model, "trunk", None)
    if isinstance(trunk, EfficientNetLite) and arm.pretrained:
        trunk.load_imagenet()
        trunk.freeze(args.freeze)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = replace(PairSettings(size=args.size), **arm.pairs)
    pairs = Pairs(args.dataset, settings, args.seed)
    loader = DataLoader(pairs, args.batch_size, num_workers=args.workers)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    for step, (crops, masks) in enumerate(loader):
        if step >= args.steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = args.lr * schedule(step, args.steps, warm=args.steps // 10 + 1)
        model.train()
        result = loss(model, crops.flatten(0, 1).to(args.device), masks.flatten(0, 1).to(args.device), arm.map_weight)
        optimizer.zero_grad(set_to_none=True)
        result.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return model.eval()


def loss(model: nn.Module, crops: Tensor, masks: Tensor, map_weight: float) -> Tensor:
    """Genuine or fake, a picture; and, with a weight, manipulated or not, a cell of the map."""
    with autocast(crops.device.type):
        embedding, evidence = model(crops.to(memory_format=torch.channels_last))
    label = (masks.flatten(1).amax(1) > 0).float()
    total = fn.binary_cross_entropy_with_logits(embedding[:, -1].float(), 0.95 * label + 0.025)
    if map_weight and evidence is not None:
        total = total + map_weight * fn.binary_cross_entropy_with_logits(evidence.float(), masks)
    return total


def judge(model: nn.Module, clips: Clips, size: int, rounds: int) -> dict[str, list[float]]:
    """Return the video AUC on the dev clips with its 95% interval over people: each method, and all."""
    rows = np.flatnonzero(np.char.startswith(clips.clip, "dev/"))[::2]
    logits = embed(model, clips, rows, size, PairSettings().scale)[:, -1]
    scores = video_scores(clips, rows, logits)
    out = {}
    for name in [*sorted(set(scores.method[scores.label == 1])), "all"]:
        keep = (scores.label == 0) | (scores.method == name) | (name == "all")
        label, score, people = scores.label[keep], scores.score[keep], scores.target[keep]
        low, high = metrics.bootstrap(metrics.auc, label, score, people, rounds)
        out[name] = [round(float(v), 4) for v in (metrics.auc(label, score), low, high)]
    return out


def table(done: Mapping[str, Any]) -> str:
    """The result as a table in Markdown."""
    arms = done["arms"]
    if not arms:
        return "nothing was trained"
    methods = list(next(iter(arms.values()))["auc"])
    lines = [f"| | weights | {' | '.join(methods)} |", "|---|---|" + "---|" * len(methods)]
    for row in arms.values():
        cells = [f"{value:.3f}" for value, _, _ in row["auc"].values()]
        _, low, high = row["auc"]["all"]
        cells[-1] += f" ({low:.3f} to {high:.3f})"
        lines.append(f"| {row['about']} | {row['weights'] / 1e6:.2f} M | {' | '.join(cells)} |")
    return "\n".join(lines)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.compare", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument("--dev", type=Path, required=True, help="the file that truefeed.train.data.dev_clips wrote")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of compare.json; what is in it is not trained anew"
    )
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=200, help="of each arm")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px")
    parser.add_argument("--freeze", type=int, default=2, help="first stages of a pretrained trunk left as they are")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1000, help="of the bootstrap")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
