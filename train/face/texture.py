"""How fine the texture of each region of a face is, beside that of the others: fixed measures, nothing learned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from ...stream.types import Floats

_LEVELS = 4
"Octaves, from the finest detail of the crop."
_REACH = 3
"Of the blur, px."
_FLOOR = 0.05
"Squared grey levels below which texture is not told from rounding."
_TO_LIGHT_AND_COLOUR = ((0.299, 0.587, 0.114), (0.5, -0.4187, -0.0813), (-0.1687, -0.3313, 0.5))
"RGB to luma, Cr and Cb."
_BOXES = (
    # Left, right, top and bottom in sides of the tight face square, from its centre.
    (-0.25, 0.25, -0.45, -0.22),  # forehead
    (-0.28, -0.05, -0.2, -0.05),  # eyes
    (0.05, 0.28, -0.2, -0.05),
    (-0.1, 0.1, -0.12, 0.12),  # nose
    (-0.34, -0.12, 0.0, 0.2),  # cheeks
    (0.12, 0.34, 0.0, 0.2),
    (-0.18, 0.18, 0.16, 0.32),  # mouth
    (-0.2, 0.2, 0.34, 0.48),  # chin
)
REGIONS = len(_BOXES) + 3
MEASURES = _LEVELS * 2 * 3 * REGIONS


class Texture(nn.Module):
    """Of each octave, channel and region the energy of the detail, and how even it is, as logarithms.

    A swapped, rendered or enlarged part lacks detail that the rest of the same frame has, or has its detail elsewhere:
    in few places, as a sharpened picture has, rather than everywhere, as a sensor has.
    """

    kernel: Tensor
    colours: Tensor

    def __init__(self, side: int) -> None:
        """Take the side of the crops, px: a crop at scale 1 of stream.faces.align."""
        super().__init__()
        line = torch.exp(-0.5 * torch.arange(-_REACH, _REACH + 1.0) ** 2)
        blur = line[:, None] * line[None] / line.sum() ** 2
        self.register_buffer("kernel", blur[None, None].repeat(3, 1, 1, 1), persistent=False)
        self.register_buffer("colours", torch.tensor(_TO_LIGHT_AND_COLOUR) * 127.5, persistent=False)
        for level in range(_LEVELS):
            shares = torch.from_numpy(_shares(side >> level))
            self.register_buffer(f"shares{level}", shares, persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Take (B, 3, S, S) RGB in -1 to 1; give (B, MEASURES)."""
        batch, _, height, width = crops.shape
        x = (self.colours @ crops.flatten(2)).reshape(batch, 3, height, width)
        out = []
        for level in range(_LEVELS):
            smooth = fn.conv2d(fn.pad(x, (_REACH,) * 4, mode="reflect"), self.kernel, groups=3)
            detail = (x - smooth).flatten(2)
            shares = getattr(self, f"shares{level}")
            energy = torch.log((detail * detail) @ shares + _FLOOR)
            even = torch.log(detail.abs() @ shares + _FLOOR) - 0.5 * energy
            out += [energy.flatten(1), even.flatten(1)]
            x = smooth[..., ::2, ::2]
        return torch.cat(out, 1)


def _shares(side: int) -> Floats:
    """(side * side, REGIONS): what each pixel counts in a region; boxes, the edge, what is beyond it, and within."""
    v, u = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    far = np.hypot(u / 0.42, (v - 0.03) / 0.5)
    boxes = [(u > left) & (u < right) & (v > top) & (v < bottom) for left, right, top, bottom in _BOXES]
    masks = np.stack([*boxes, (far > 0.85) & (far < 1.1), far > 1.15, far < 0.85]).astype(np.float32)
    masks /= np.maximum(masks.sum((1, 2), keepdims=True), 1)
    return np.ascontiguousarray(masks.reshape(len(masks), -1).T)
