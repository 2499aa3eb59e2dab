"""Train a network that tells wholly synthesised stills from a bank of worn crops (train.synthetic.bank), on a GPU."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from ...stream.errors import ConfigError
from ..common.loop import autocast, follow, groups, schedule
from ..face.efficientnet_lite import Norm, named
from ..face.networks import StillNet, StillSettings
from ..face.pairs import MEAN, STD
from .bank import Bank


@dataclass(frozen=True)
class Recipe(StillSettings):
    """A network and how it is trained."""

    pictures: int = 36000
    "Shown in all, of both classes."
    batch: int = 64
    "Pairs of a genuine and a synthesised picture."
    lr: float = 2e-3
    smooth: float = 0.05
    "Share of a label that both classes get."
    hide: float = 0.3
    "Share of the crops of which a rectangle is hidden."
    mix: str = ""
    "`blend` (mixup: Zhang et al., ICLR 2018) or `paste` (CutMix: Yun et al., ICCV 2019) half of the batches."
    freeze: int = 1
    "First stages of the trunk to leave as they are."


def recipe(said: str) -> Recipe:
    """Read a recipe such as `lite2,pictures=72000,mix=paste`: the trunk, then what differs. Raises ConfigError."""
    trunk, *words = said.split(",")
    kinds = {key: type(value) for key, value in asdict(Recipe()).items()}
    try:
        pairs = [word.split("=") for word in words]
        return Recipe(**{"trunk": named(trunk), **{key: kinds[key](value) for key, value in pairs}})
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{said}: a recipe is a trunk and key=value of {', '.join(kinds)}, by commas") from None


def fit(
    bank: Bank, keep: Tensor, how: Recipe, seed: int, layout: torch.memory_format = torch.channels_last
) -> StillNet:
    """Train a network.

    Args:
        bank: on the device that trains.
        keep: (P,) bool, the pictures that are trained on.
        how: the recipe.
        seed: of the chance.
        layout: of the network's weights and crops; which one is faster depends on the device.

    Returns:
        The averaged network, in eval mode.
    """
    device = bank.worn.device
    torch.manual_seed(seed)
    model = StillNet(how)
    model.trunk.load_imagenet()
    model.trunk.freeze(how.freeze)
    model.to(device, memory_format=layout)  # type: ignore[call-overload]
    for part in model.modules():
        if isinstance(part, Norm):
            part.momentum = 0.03
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(groups(model, model.trunk, how.lr), weight_decay=0.03, fused=device.type == "cuda")
    steps = max(1, how.pictures // (2 * how.batch))
    rows = _rows(bank, keep, steps, how.batch)
    classes = torch.tensor([0.0, 1.0], device=device).repeat_interleave(how.batch)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * schedule(step, steps, warm=max(1, steps // 20))
        crops, labels = _varied(bank.worn[rows[step]].permute(0, 3, 1, 2), classes, how)
        with autocast(device.type):
            logit = model(crops.contiguous(memory_format=layout))
        goal = labels * (1 - how.smooth) + how.smooth / 2
        loss = fn.binary_cross_entropy_with_logits(logit.float(), goal)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        follow(average, model, step, 0.99)
    return average


def _rows(bank: Bank, keep: Tensor, steps: int, batch: int) -> Tensor:
    """Draw (steps, 2 batch) rows of worn crops: genuine, then synthesised ones.

    Half of the genuine ones are twins; another source counts by the root of its pictures, as in dataset.Stills.
    """
    device = bank.worn.device
    twins = {bank.source[i] for i in bank.seen_of.tolist() if not bank.fake[i]}
    twin = torch.tensor([s in twins for s in bank.source]) & keep
    other = ~twin & ~bank.fake & keep
    counts = Counter(s for s, kept in zip(bank.source, keep.tolist(), strict=True) if kept)
    root = torch.tensor([counts[s] ** -0.5 if s in counts else 0.0 for s in bank.source])
    weights = torch.stack([twin.float(), other * root if other.any() else twin.float(), (bank.fake & keep).float()])
    # Each picture has its own number of crops.
    weights = (weights.to(device) / torch.bincount(bank.worn_of, minlength=len(bank.names)))[:, bank.worn_of]
    count = steps * batch
    drawn = [torch.multinomial(w, count, replacement=True) for w in weights]
    real = torch.where(torch.rand(count, device=device) < 0.5, drawn[0], drawn[1])
    return torch.cat([real.view(steps, batch), drawn[2].view(steps, batch)], 1)


def _varied(crops: Tensor, labels: Tensor, how: Recipe) -> tuple[Tensor, Tensor]:
    """(B, 3, S, S) uint8 BGR to normalised RGB, mirrored, partly hidden and mixed by chance; and the labels of that."""
    count, size, device = len(crops), crops.shape[2], crops.device
    x = normalised(crops)
    x = torch.where(torch.rand(count, 1, 1, 1, device=device) < 0.5, x.flip(3), x)
    # No part of the face shall be all the evidence.
    hidden = _rectangles(size // 8 + torch.rand(count, 2, device=device) * (size * 3 // 8), size)
    hidden &= torch.rand(count, 1, 1, 1, device=device) < how.hide
    x = torch.where(hidden, torch.rand(count, 3, 1, 1, device=device) * 2 - 1, x)
    if not how.mix or torch.rand(()) < 0.5:
        return x, labels
    other = torch.randperm(count, device=device)
    share = torch.rand(count, device=device)
    if how.mix == "blend":
        x = x.lerp(x[other], share[:, None, None, None])
    else:
        pasted = _rectangles((share.sqrt() * size)[:, None].expand(-1, 2), size)
        x, share = torch.where(pasted, x[other], x), pasted.float().mean((1, 2, 3))
    return x, labels.lerp(labels[other], share)


def normalised(crops: Tensor) -> Tensor:
    """(B, 3, S, S) uint8 BGR to float RGB, as data.normalise does."""
    return (crops.flip(1).float() - MEAN) / STD


def _rectangles(sides: Tensor, size: int) -> Tensor:
    """Place (B, 2) rectangles by chance: (B, 1, size, size) bool."""
    place = torch.arange(size, device=sides.device)
    first = torch.rand_like(sides) * (size - sides)
    inside = (place >= first[..., None]) & (place < (first + sides)[..., None])
    return inside[:, 0, None, :, None] & inside[:, 1, None, None, :]


@torch.no_grad()
def judge(model: StillNet, bank: Bank, rows: Tensor) -> Tensor:
    """Return (rows, conditions, views) logits of a bank's pictures to judge, each the mean with its mirror image."""
    seen = bank.seen[rows.to(bank.seen.device)]
    out = []
    for crops in torch.split(seen.flatten(0, 2), 128):
        x = normalised(crops.permute(0, 3, 1, 2))
        out.append((model(x) + model(x.flip(3))) / 2)
    return torch.cat(out).view(seen.shape[:3]).cpu()
