"""Networks to compare with. They give what the frame encoder gives: (B, D), whose last column is the logit; no map."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as fn

from .efficientnet_lite import EfficientNetLite


class Meso4(nn.Module):
    """Afchar et al., "MesoNet: a Compact Facial Video Forgery Detection Network", WIFS 2018."""

    def __init__(self, size: int) -> None:
        """Prepare for crops of size px, a multiple of 32."""
        super().__init__()
        layers: list[nn.Module] = []
        for cin, cout, kernel, pool in ((3, 8, 3, 2), (8, 8, 5, 2), (8, 16, 5, 2), (16, 16, 5, 4)):
            layers += [nn.Conv2d(cin, cout, kernel, padding=kernel // 2), nn.ReLU(), nn.BatchNorm2d(cout)]
            layers += [nn.MaxPool2d(pool)]
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Linear(16 * (size // 32) ** 2, 16)
        self.logit = nn.Linear(16, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, None]:
        flat = fn.dropout(self.features(crops).flatten(1), 0.5, self.training)
        hidden = fn.dropout(fn.leaky_relu(self.hidden(flat), 0.1), 0.5, self.training)
        logit: Tensor = self.logit(hidden)
        return logit, None


class Plain(nn.Module):
    """A network of the EfficientNet kind as detectors commonly use it: ImageNet weights, pooled, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = EfficientNetLite()
        self.drop = nn.Dropout(0.2)
        self.logit = nn.Linear(1280, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, None]:
        logit: Tensor = self.logit(self.drop(self.trunk(crops)[1].mean((2, 3))))
        return logit, None


def weights(model: nn.Module) -> int:
    """Count what is trained or frozen."""
    return sum(p.numel() for p in model.parameters())
