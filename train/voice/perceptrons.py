"""The perceptrons that read a row of the front end (see `front`); their logits are averaged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class VoiceSettings:
    """Size of the perceptrons."""

    size: int
    "Numbers in a row."
    hidden: int = 64
    members: int = 4
    "Perceptrons, each from its own random start."
    dropout: float = 0.4
    nuisances: int = 0
    "Directions of a row that are not read: see `nap`."


class VoiceNet(nn.Module):
    """Rows (B, size) of the front end to logits (B,): above 0 is made by a machine."""

    centre: Tensor
    spread: Tensor
    nuisance: Tensor
    rest: Tensor

    def __init__(self, settings: VoiceSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("centre", torch.zeros(settings.size))
        self.register_buffer("spread", torch.ones(settings.size))
        self.register_buffer("nuisance", torch.zeros(settings.nuisances, settings.size))
        self.register_buffer("rest", torch.ones(settings.size))
        self.members = nn.ModuleList(_perceptron(settings) for _ in range(settings.members))

    def forward(self, rows: Tensor) -> Tensor:
        x = self.normal(rows)
        return torch.stack([member(x)[:, 0] for member in self.members]).mean(0)

    def normal(self, rows: Tensor) -> Tensor:
        """Rows on the scale of the training set, without the nuisances, outliers cut."""
        return (self.without((rows - self.centre) / self.spread) / self.rest).clamp(-5, 5)

    def without(self, x: Tensor) -> Tensor:
        """Take the nuisances, orthonormal, out of rows on the scale of the training set."""
        return x - x @ self.nuisance.T @ self.nuisance if self.settings.nuisances else x


def _perceptron(s: VoiceSettings) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(s.dropout),
        nn.Linear(s.size, s.hidden),
        nn.ReLU(),
        nn.Dropout(s.dropout),
        nn.Linear(s.hidden, 1),
    )
