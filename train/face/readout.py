"""What a linear layer reads in the spreads of features that no tuning has touched, and in texture.

A network that is tuned on a few methods learns their looks by heart. How much its features vary over the face, before
any tuning, says less of them and holds for methods that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .efficientnet_lite import EfficientNetLite, Variant
from .texture import MEASURES, Texture

SHARED = 3
"Stages of the trunk, beside the stem, that a tuning leaves as they are: they run once for both."
FARTHEST = 6.0
"Spreads that one statistic may lie from its mean over genuine faces."
_LEAST = 0.02
"Spread below which that of a feature is not told from nothing."


class Readout(nn.Module):
    """The later stages of a trunk as they were before tuning, and a linear layer on all stages and on texture."""

    mean: Tensor
    spread: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, variant: Variant, side: int) -> None:
        """Take the variant of the trunk and the side of the crops, px."""
        super().__init__()
        trunk = EfficientNetLite(variant)
        self.early, self.late = cast(nn.Sequential, trunk.early[SHARED:]), trunk.late
        self.texture = Texture(side)
        self.channels = _channels(trunk, side)
        count = sum(self.channels) + MEASURES
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.register_buffer("weight", torch.zeros(count))
        self.register_buffer("bias", torch.zeros(1))

    def take(self, trunk: EfficientNetLite) -> None:
        """Copy the later stages of a trunk."""
        self.early.load_state_dict(trunk.early[SHARED:].state_dict())
        self.late.load_state_dict(trunk.late.state_dict())

    def forward(self, crops: Tensor, shared: Sequence[Tensor]) -> Tensor:
        """Take (B, 3, S, S) and what the SHARED stages gave, (B, C, H, W) each; give (B,) log-odds."""
        far = (self.statistics(crops, shared) - self.mean) / self.spread
        return far.clamp(-FARTHEST, FARTHEST) @ self.weight + self.bias

    def statistics(self, crops: Tensor, shared: Sequence[Tensor]) -> Tensor:
        """(B, statistics): logarithms of the spread of each feature over the picture, stage by stage, and texture."""
        found = [*shared, *outputs(self.early, self.late, shared[-1])]
        return torch.cat([*(_spread(x) for x in found), self.texture(crops.float())], 1)


def outputs(early: nn.Sequential, late: nn.Sequential, x: Tensor) -> list[Tensor]:
    """(B, C, H, W) of the rest of the early stages, of the two late ones, and of the last layer."""
    found = []
    for stage in early:
        x = stage(x)
        found.append(x)
    for number, part in enumerate(late):
        x = part(x)
        if number in (0, 1, len(late) - 1):
            found.append(x)
    return found


def _spread(x: Tensor) -> Tensor:
    flat = x.float().flatten(2)
    off = flat - flat.mean(2, keepdim=True)
    return torch.log((off * off).mean(2).sqrt() + _LEAST)


@torch.no_grad()
def _channels(trunk: EfficientNetLite, side: int) -> list[int]:
    x = trunk.stem(torch.zeros(1, 3, side, side))
    first = []
    for stage in list(trunk.early)[:SHARED]:
        x = stage(x)
        first.append(x)
    return [found.shape[1] for found in (*first, *outputs(cast(nn.Sequential, trunk.early[SHARED:]), trunk.late, x))]
