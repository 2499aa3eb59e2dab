"""Statistics of spectra and phases, and the perceptrons that read a row of the front end (see voice_front).

Spectra of 32 ms every 5 ms, 62 Hz to 7 kHz on a linear scale, make three pictures:

- the log magnitude less its mean over time, bin by bin, which takes out microphones, tone controls and band edges;
- how evenly the phase advances in time, cos(second difference over frames): 1 for a steady tone;
- how evenly it advances in frequency, cos(second difference over bins): 1 for a single pulse, as the glottis makes it.

The phase pictures do not depend on delay, polarity or gain, and hardly on a tone control. Statistics over time of each
bin, which have no weights and so nothing to fit, are the first part of a row; the perceptrons' logits are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRAME, HOP = 512, 80
FIRST_BIN, BINS = 2, 224
KINDS = 16
SMOOTH = 4
"Bins of 31 Hz averaged into one statistic."
SIZE = KINDS * BINS // SMOOTH


@dataclass(frozen=True)
class VoiceSettings:
    """Size of the perceptrons."""

    size: int
    "Numbers in a row."
    hidden: int = 64
    members: int = 4
    "Perceptrons, each from its own random start."
    dropout: float = 0.4


class Spectra(nn.Module):
    """Samples (B, N) to the three pictures, (B, 224, frames) each, and the mean log magnitude, (B, 224)."""

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        time = np.arange(FRAME)
        bins = np.arange(FIRST_BIN - 1, FIRST_BIN + BINS + 1)  # one more on each side, for differences
        phase = 2 * np.pi * bins[:, None] * time[None] / FRAME
        window = np.hanning(FRAME + 1)[:-1]
        basis = np.concatenate([np.cos(phase) * window, -np.sin(phase) * window])
        self.register_buffer("basis", torch.tensor(basis[:, None], dtype=torch.float32), persistent=False)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        both = F.conv1d(samples[:, None] * 32.0, self.basis, stride=HOP)  # (B, 2 * 226, frames); RMS near 1
        real, imag = both[:, : BINS + 2], both[:, BINS + 2 :]
        magnitude = torch.sqrt(real * real + imag * imag + 1e-6)
        log = torch.log(magnitude[:, 1:-1, 1:-1] + 1e-2)
        mean = log.mean(2, keepdim=True)
        real, imag = real / magnitude, imag / magnitude
        over_time = _evenness(real[:, 1:-1], imag[:, 1:-1], 2)
        over_bins = _evenness(real[:, :, 1:-1], imag[:, :, 1:-1], 1)
        return log - mean, over_time, over_bins, mean[:, :, 0]


def _evenness(real: Tensor, imag: Tensor, axis: int) -> Tensor:
    """cos of the second difference of the phase of unit vectors along axis; two shorter there."""
    n = real.shape[axis] - 2
    a, b, c = ((real.narrow(axis, i, n), imag.narrow(axis, i, n)) for i in range(3))
    square = (b[0] * b[0] - b[1] * b[1], 2 * b[0] * b[1])
    ends = (a[0] * c[0] - a[1] * c[1], a[0] * c[1] + a[1] * c[0])
    return ends[0] * square[0] + ends[1] * square[1]


class VoiceStats(nn.Module):
    """Samples (B, N) to statistics (B, SIZE); a tone control shifts only the first kind, and only its slow part."""

    def __init__(self) -> None:
        super().__init__()
        self.spectra = Spectra()

    def forward(self, samples: Tensor) -> Tensor:
        log, phase_t, phase_f, mean = self.spectra(samples)
        step = log[..., 1:] - log[..., :-1]
        jump = log[..., 4:] - log[..., :-4]
        across = log[:, 1:] - log[:, :-1]
        loudness = log.mean(1, keepdim=True)
        loud = torch.sigmoid(6 * (loudness - loudness.mean(2, keepdim=True)))
        power = (log * log).mean(2)
        root = torch.sqrt(power + 1e-4)
        rows = [
            _lines(mean),
            root,
            (log**3).mean(2) / root**3,
            (log**4).mean(2) / root**4 * 0.3,
            _rms(step),
            _rms(jump),
            step.abs().mean(2),
            F.pad(_rms(across), (0, 1)),
            F.pad((log[:, 1:] * log[:, :-1]).mean(2), (0, 1)) / (power + 1e-3),
            F.pad((log[:, 3:] * log[:, :-3]).mean(2), (0, 3)) / (power + 1e-3),
            phase_t.mean(2) * 3,
            phase_f.mean(2) * 3,
            _weighted(phase_t, loud) * 3,
            _weighted(phase_f, loud) * 3,
            (log * phase_t).mean(2) / root * 3,
            (log * phase_f).mean(2) / root * 3,
        ]
        return F.avg_pool1d(torch.stack(rows, 1), SMOOTH).flatten(1)  # (B, KINDS, 224) to (B, KINDS * 56)


def _lines(mean: Tensor) -> Tensor:
    """The mean spectrum less its own running mean over 15 bins: lines and gaps, but no tone control."""
    smooth = F.avg_pool1d(F.pad(mean[:, None], (7, 7), mode="replicate"), 15, 1)[:, 0]
    return (mean - smooth) * 3


def _rms(x: Tensor) -> Tensor:
    return torch.sqrt((x * x).mean(2) + 1e-4)


def _weighted(picture: Tensor, weight: Tensor) -> Tensor:
    return (picture * weight).sum(2) / (weight.sum(2) + 1e-3)


class VoiceNet(nn.Module):
    """Rows (B, size) of the front end to logits (B,): above 0 is made by a machine."""

    centre: Tensor
    spread: Tensor

    def __init__(self, settings: VoiceSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("centre", torch.zeros(settings.size))
        self.register_buffer("spread", torch.ones(settings.size))
        self.members = nn.ModuleList(_perceptron(settings) for _ in range(settings.members))

    def forward(self, rows: Tensor) -> Tensor:
        x = self.normal(rows)
        return torch.stack([member(x)[:, 0] for member in self.members]).mean(0)

    def normal(self, rows: Tensor) -> Tensor:
        """Rows on the scale of the training set, outliers cut."""
        return ((rows - self.centre) / self.spread).clamp(-5, 5)


def _perceptron(s: VoiceSettings) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(s.dropout),
        nn.Linear(s.size, s.hidden),
        nn.ReLU(),
        nn.Dropout(s.dropout),
        nn.Linear(s.hidden, 1),
    )
