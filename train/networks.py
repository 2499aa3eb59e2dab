"""The networks of the face model: a frame encoder and a temporal head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .lite import EfficientNetLite0


@dataclass(frozen=True)
class EncoderSettings:
    embedding: int = 64
    "Numbers an embedding has, beside the frame logit."
    dropout: float = 0.2


class FaceEncoder(nn.Module):
    """Crop to embedding, frame logit and a map of where the evidence lies.

    The map is supervised with the blend mask, as in Li et al., "Face X-ray for More General Face Forgery Detection",
    CVPR 2020: that teaches where to look with a few thousand pictures, and at run time it explains a score.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.trunk = EfficientNetLite0()
        self.map = nn.Sequential(nn.Conv2d(112, 64, 1), nn.ReLU(), nn.Conv2d(64, 1, 1))
        self.drop = nn.Dropout(settings.dropout)
        self.embed = nn.Linear(1280 + 2, settings.embedding)
        self.logit = nn.Linear(settings.embedding, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S), normalised; give (B, D) whose last column is the logit, and (B, S/16, S/16) logits."""
        middle, features = self.trunk(crops)
        evidence = self.map(middle)[:, 0]
        flat = evidence.flatten(1)
        summary = torch.stack([flat.mean(1), flat.amax(1)], 1)
        hidden = torch.tanh(self.embed(torch.cat([self.drop(features.mean((2, 3))), summary], 1)))
        return torch.cat([hidden, self.logit(hidden)], 1), evidence
