"""The network of synthesised stills: frozen trunks, the moments of some of their stages, a linear reading of these."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from ..face.efficientnet_lite import EfficientNetLite

LIMIT = 6.0
"Spreads from the mean beyond which a moment counts as no further: no single one decides."
_MAP = 12
"Side of the map, parts."


class Moments(nn.Module):
    """Mean and standard deviation of each channel of some stages of some trunks: texture, wherever it lies.

    Statistics of early and middle features tell generators that nobody trained on better than the last features of a
    classifier do: what generators share lies in texture, not in what is shown.
    """

    def __init__(self, trunks: Sequence[EfficientNetLite], stages: Sequence[int]) -> None:
        """Take the trunks and the stages that are read, counted from 0, the same ones of every trunk."""
        super().__init__()
        self.stages = tuple(stages)
        self.trunks = nn.ModuleList(nn.ModuleList(_cut(trunk, max(stages))) for trunk in trunks)

    def maps(self, crops: Tensor) -> list[Tensor]:
        """Take (B, 3, S, S), normalised; give the (B, C, s, s) of every stage that is read, trunk by trunk."""
        out = []
        for trunk in self.trunks:
            assert isinstance(trunk, nn.ModuleList)
            x = crops
            for number, stage in enumerate(trunk, -1):
                x = stage(x)
                if number in self.stages:
                    out.append(x)
        return out

    def forward(self, crops: Tensor) -> Tensor:
        """Take (B, 3, S, S), normalised; give (B, D): means, then deviations, stage by stage."""
        return torch.cat([moment for x in self.maps(crops) for moment in _moments(x)], 1)


class StillReader(nn.Module):
    """Moments to the logit that the whole face was synthesised, and where the evidence lies."""

    centre: Tensor
    spread: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, moments: Moments, centre: Tensor, spread: Tensor, weight: Tensor, bias: Tensor) -> None:
        """Take (D,) mean and spread of the moments over training pictures, (D,) weights, and the logit of the mean."""
        super().__init__()
        self.moments = moments
        for name, value in (("centre", centre), ("spread", spread), ("weight", weight), ("bias", bias)):
            self.register_buffer(name, value.float())

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S), normalised; give (B,) logits and (B, 12, 12) maps whose mean is the logit."""
        maps = self.moments.maps(crops)
        logit, parts, start = self.bias, [], 0
        for x in maps:
            mean, deviation = _moments(x)
            count = x.shape[1]
            for moment, local in (
                (mean, x),
                (deviation, (x - mean[..., None, None]).square() / deviation[..., None, None]),
            ):
                rows = slice(start, start + count)
                far = ((moment - self.centre[rows]) / self.spread[rows]).clamp(-LIMIT, LIMIT)
                logit = logit + far @ self.weight[rows]
                parts.append(_parts(local, self.weight[rows] / self.spread[rows]))
                start += count
        total = torch.stack(parts).sum(0)
        # The parts sum up to the logit but for what was limited: the mean is put right.
        return logit, total + (logit - total.mean((1, 2)))[:, None, None]


def _cut(trunk: EfficientNetLite, last: int) -> list[nn.Module]:
    """Return the stem and the stages up to the last that is read."""
    return [trunk.stem, *trunk.early, *trunk.late][: last + 2]


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, s, s) to the mean and the standard deviation of each channel, (B, C) each."""
    mean = x.mean((2, 3))
    return mean, (x.square().mean((2, 3)) - mean.square()).clamp_min(1e-8).sqrt()


def _parts(local: Tensor, weight: Tensor) -> Tensor:
    """(B, C, s, s) and (C,) to (B, 12, 12), with the same mean."""
    evidence = (local * weight[:, None, None]).sum(1, keepdim=True)
    if evidence.shape[-1] > _MAP:
        return fn.avg_pool2d(evidence, evidence.shape[-1] // _MAP)[:, 0]
    return fn.interpolate(evidence, size=[_MAP, _MAP])[:, 0]
