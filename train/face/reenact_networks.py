"""Networks that render parts of a face anew, as neural reenactment and face swaps do."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from torch.nn.utils.parametrizations import spectral_norm

from .efficientnet_lite import EfficientNetLite

Decoder = Literal["nearest", "transposed", "shuffle"]
"How a renderer makes larger pictures of smaller ones; each leaves its own traces."

_LEVELS = (1, 2, 4, 4, 8)


class Renderer(nn.Module):
    """A picture with a hole, and what shall be seen in it, to a whole picture.

    The hole is filled from a coarse copy of the face and from its drawn landmarks: a U-Net (Ronneberger et al., MICCAI
    2015), trained as in Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017.
    """

    def __init__(self, decoder: Decoder, width: int = 32) -> None:
        super().__init__()
        counts = [width * level for level in _LEVELS]
        self.enter = _twice(8, counts[0])
        self.down = nn.ModuleList(_twice(a, b) for a, b in itertools.pairwise(counts))
        self.up = nn.ModuleList(_larger(b, a, decoder) for a, b in reversed(list(itertools.pairwise(counts))))
        self.join = nn.ModuleList(_twice(2 * a, a) for a in reversed(counts[:-1]))
        self.leave = nn.Conv2d(counts[0], 3, 3, padding=1)

    def forward(self, picture: Tensor, seen: Tensor, lines: Tensor, hole: Tensor) -> Tensor:
        """Take (B, 3, S, S) of -1..1 twice and (B, 1, S, S) of 0..1 twice, S a multiple of 16; give (B, 3, S, S)."""
        x = self.enter(torch.cat([picture * (1 - hole), seen * hole, lines * hole, hole], 1))
        kept = []
        for down in self.down:
            kept.append(x)
            x = down(fn.avg_pool2d(x, 2))
        for up, join, side in zip(self.up, self.join, reversed(kept), strict=True):
            x = join(torch.cat([up(x), side], 1))
        out: Tensor = torch.tanh(self.leave(x))
        return out


class Critic(nn.Module):
    """Tells rendered parts from photographed ones, a patch at a time."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        counts = [4, width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(counts):
            layers += [spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, spectral_norm(nn.Conv2d(counts[-1], 1, 3, padding=1)))

    def forward(self, picture: Tensor, hole: Tensor) -> Tensor:
        """Take (B, 3, S, S) and (B, 1, S, S); give (B, 1, S/16, S/16)."""
        out: Tensor = self.body(torch.cat([picture, hole], 1))
        return out


class Looks(nn.Module):
    """How alike two pictures look to the first stages of an ImageNet network (Johnson et al., ECCV 2016)."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        self.trunk = EfficientNetLite()
        if pretrained:
            self.trunk.load_imagenet()
        self.trunk.eval().requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Take (B, 3, S, S) twice; give the mean difference of their features."""
        x, total = torch.cat([a, b]), a.new_zeros(())
        for part in (self.trunk.stem, *list(self.trunk.early)[:4]):
            x = part(x)
            one, two = x.float().chunk(2)
            total = total + fn.l1_loss(one, two) / two.detach().abs().mean().clamp_min(1e-3)
        return total


def _twice(cin: int, cout: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (cin, cout):
        layers += [nn.Conv2d(count, cout, 3, padding=1), nn.GroupNorm(8, cout), nn.SiLU()]
    return nn.Sequential(*layers)


def _larger(cin: int, cout: int, decoder: Decoder) -> nn.Module:
    if decoder == "transposed":
        return nn.ConvTranspose2d(cin, cout, 4, 2, 1)
    if decoder == "shuffle":
        return nn.Sequential(nn.Conv2d(cin, 4 * cout, 1), nn.PixelShuffle(2))
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(cin, cout, 3, padding=1))
