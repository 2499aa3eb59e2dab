"""What judges a neural vocoder while it learns: critics of the waveform at several periods and resolutions.

They follow Kong, Kim and Bae, "HiFi-GAN", NeurIPS 2020 (periods) and Jang et al., "UnivNet", Interspeech 2021
(resolutions), with fewer channels, and are thrown away after the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PERIODS = (2, 3, 5, 7, 11)
FRAMES = (256, 512, 1024)
"Samples of the frames whose magnitudes are judged; they overlap by three quarters."
Verdict = tuple[Tensor, list[Tensor]]
"Scores of places, and what each layer made on the way."


class _Periodic(nn.Module):
    """Waveforms (B, N), folded to columns of one phase each, to a verdict."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, 16, 64, 128, 256)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)) for a, b in pairwise(widths))
        self.last = nn.Conv2d(widths[-1], 1, (3, 1), 1, (1, 0))

    def forward(self, wave: Tensor) -> Verdict:
        x = F.pad(wave, (0, -wave.shape[1] % self.period)).view(len(wave), 1, -1, self.period)
        return _through(x, self.layers, self.last)


class _Spectral(nn.Module):
    """Waveforms (B, N), as magnitudes of a short-time Fourier transform, to a verdict."""

    window: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        strides = ((1, 1), (1, 2), (1, 2), (1, 2), (1, 1))
        self.layers = nn.ModuleList(
            nn.Conv2d(32 if i else 1, 32, (3, 9 if i < 4 else 3), stride, (1, 4 if i < 4 else 1))
            for i, stride in enumerate(strides)
        )
        self.last = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, wave: Tensor) -> Verdict:
        spectrum = torch.stft(wave, self.size, self.size // 4, window=self.window, return_complex=True)
        return _through(spectrum.abs().transpose(1, 2)[:, None], self.layers, self.last)


class Critics(nn.Module):
    """Waveforms (B, N) to the verdicts of all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.ModuleList([*(_Periodic(p) for p in PERIODS), *(_Spectral(size) for size in FRAMES)])

    def forward(self, wave: Tensor) -> list[Verdict]:
        return [critic(wave) for critic in self.each]


def told_apart(true: Sequence[Verdict], made: Sequence[Verdict]) -> Tensor:
    """The critics' own loss: least squares (Mao et al. 2017)."""
    pairs = zip(true, made, strict=True)
    return torch.stack([((1 - t) ** 2).mean() + (m**2).mean() for (t, _), (m, _) in pairs]).sum()


def convinced(true: Sequence[Verdict], made: Sequence[Verdict]) -> Tensor:
    """The vocoder's loss: to score as the true ones do, and to look alike in each layer (Kong 2020)."""
    scores = torch.stack([((1 - m) ** 2).mean() for m, _ in made]).sum()
    pairs = [pair for (_, t), (_, m) in zip(true, made, strict=True) for pair in zip(t, m, strict=True)]
    return scores + 2 * torch.stack([(t.detach() - m).abs().mean() for t, m in pairs]).sum()


def _through(x: Tensor, layers: nn.ModuleList, last: nn.Module) -> Verdict:
    seen = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        seen.append(x)
    return last(x), seen
