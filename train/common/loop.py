"""What the training loops share: the pace, the averaged weights and the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...stream.atomic import replacing


def schedule(step: int, steps: float, warm: int = 100) -> float:
    """Warm up over so many steps, then fall along a cosine: a factor on the learning rate, 0..1."""
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))


def autocast(device: str) -> torch.autocast:
    """Compute in bfloat16 where the device has it, in float32 elsewhere.

    Args:
        device: as in torch.device.

    A CPU that only imitates bfloat16 takes ten times as long with it as with float32.
    """
    kind = torch.device(device).type
    able = torch.cpu.get_capabilities() if kind == "cpu" else {}
    native = kind != "cpu" or any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.autocast(kind, torch.bfloat16, enabled=native)


def groups(model: nn.Module, trunk: nn.Module, lr: float) -> list[dict[str, Any]]:
    """Groups for an optimizer, `top` their highest rate: a pretrained trunk moves at half the pace of the rest."""
    known = list(trunk.parameters())
    ids = {id(p) for p in known}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": known, "top": lr / 2}, {"params": rest, "top": lr}]


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int, longest: float = 0.998) -> None:
    """Move the averaged weights (Polyak and Juditsky 1992), statistics of the norms included."""
    keep = min(longest, (1 + step) / (20 + step))
    pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    # All at once: a GPU waits for one call, not for hundreds.
    torch._foreach_lerp_([ours for ours, _ in floats], [theirs for _, theirs in floats], 1 - keep)
    for ours, theirs in pairs:
        if not ours.is_floating_point():
            ours.copy_(theirs)


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint at once or not at all."""
    with replacing(path) as part:
        torch.save(dict(state), part)
