"""Several encoders as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .networks import FaceEncoder


class EncoderMean(nn.Module):
    """Encoders asked of the same crop, each at its own size, as one: embedding of the first, logit and map of all."""

    weights: Tensor

    def __init__(self, encoders: Sequence[FaceEncoder], sizes: Sequence[int], weights: Sequence[float]) -> None:
        """Take encoders, the sides of the crops that they expect, px, and what the frame logit of each is worth."""
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.sizes = tuple(sizes)
        self.register_buffer("weights", torch.tensor(weights) / len(weights))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S) and give what a FaceEncoder does, the map as large as the largest of theirs."""
        found = [encoder(_sized(crops, size)) for encoder, size in zip(self.encoders, self.sizes, strict=True)]
        logit = torch.stack([embedding[:, -1] for embedding, _ in found], 1) @ self.weights
        side = max(evidence.shape[-1] for _, evidence in found)
        maps = torch.stack([_sized(evidence[:, None], side)[:, 0] for _, evidence in found], 3) @ self.weights
        return torch.cat([found[0][0][:, :-1], logit[:, None]], 1), maps


def _sized(pictures: Tensor, side: int) -> Tensor:
    if pictures.shape[-1] == side:
        return pictures
    return fn.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
