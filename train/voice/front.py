"""The front end of the voice model: from 16 kHz samples to one row of numbers, any length alike.

It hears a second of speech at a time, by itself, so that a live window costs no more than its latest second: what is
kept of each are moments, and the mean of the moments of several seconds makes the row of all of them.

It is a network that was trained to hear how natural speech sounds: the convolutions and the first transformer layers of
Distill-MOS (Stahl and Gamper 2025; package distillmos 0.9.1, MIT), itself distilled from XLS-R. `tune_front` goes on
training it on voices and their copies, and only what comes out of that is shipped. What is taken from it are means and
spreads over time, at three depths.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...stream.errors import MissingExtraError

FRAME, HOP = 320, 160
BINS = 161
LOW, HIGH = 2, 141
"Bins of 50 Hz that are heard: 100 Hz to 7 kHz, whatever the recording holds."
CHANNELS = (2, 64, 64, 128, 256, 256, 256)
WIDTH, HEADS, LAYERS = 200, 8, 4
PERIOD = 50
"Frames of 20 ms after which the positions begin anew: a window's length must not be heard."
BANDS = 4
TAPS = (2, 3)
"Convolutions whose outputs are pooled, beside the last transformer layer."
DEPTHS = (*(BANDS * CHANNELS[tap + 1] for tap in TAPS), WIDTH)
"Activations that are pooled at each depth."
ROW = 2 * sum(DEPTHS)
"Numbers in a row."
WEIGHTS_SHA256 = "b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40"


class Encoder(nn.Module):
    """Samples (B, N) to moments (B, ROW): at each depth the means over time, then the mean squares."""

    basis: Tensor
    heard: Tensor
    positions: Tensor

    def __init__(self) -> None:
        super().__init__()
        time = np.arange(FRAME)
        phase = 2 * np.pi * np.arange(BINS)[:, None] * time[None] / FRAME
        window = 0.5 - 0.5 * np.cos(2 * np.pi * time / FRAME)
        basis = np.concatenate([np.cos(phase) * window, -np.sin(phase) * window])
        self.register_buffer("basis", torch.tensor(basis[:, None], dtype=torch.float32), persistent=False)
        heard = torch.zeros(1, BINS, 1)
        heard[:, LOW:HIGH] = 1.0
        self.register_buffer("heard", heard, persistent=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(CHANNELS[i], CHANNELS[i + 1], 3, (min(i, 1) + 1, 2 if i == 5 else 1), (0, 1)) for i in range(6)
        )
        self.norm = nn.BatchNorm1d(4 * CHANNELS[-1])
        self.norm2 = nn.BatchNorm1d(4 * CHANNELS[-1])
        self.project = nn.Linear(4 * CHANNELS[-1], WIDTH)
        self.register_buffer("positions", torch.zeros(1, PERIOD, WIDTH))
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    def forward(self, samples: Tensor) -> Tensor:
        x = self.spectrum(samples)
        pooled: list[Tensor] = []
        for i, conv in enumerate(self.convs):
            x = F.leaky_relu(conv(x), 0.1)  # (B, C, bins, frames)
            if i in TAPS:
                pooled += _moments(_bands(x))
        x = self.norm2(self.norm(x.flatten(1, 2))).transpose(1, 2)  # (B, frames / 2, 1024)
        x = self.project(x)
        x = x + self.positions.repeat(1, x.shape[1] // PERIOD + 1, 1)[:, : x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return torch.cat([*pooled, *_moments(x.transpose(1, 2))], 1)

    def spectrum(self, samples: Tensor) -> Tensor:
        """Real and imaginary parts, magnitudes to the power of 0.3, (B, 2, 161, frames of 10 ms)."""
        x = samples / (samples.abs().amax(1, keepdim=True) + 1e-8)
        x = F.pad(x[:, None], (80, 80), mode="reflect")
        both = F.conv1d(x, self.basis, stride=HOP)
        real, imag = both[:, :BINS], both[:, BINS:]
        power = (real * real + imag * imag).clamp(min=1e-12)
        gain = power ** (-0.35) * self.heard
        return torch.stack([real * gain, imag * gain], 1)


class _Layer(nn.Module):
    """One layer of a transformer as torch's own, in plain operations that every runtime has."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inner, self.outer = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        count, frames = x.shape[0], x.shape[1]
        parts = self.attend(x).view(count, frames, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(2, 3) * (WIDTH // HEADS) ** -0.5
        mixed = (scores.softmax(3) @ parts[2]).transpose(1, 2).reshape(count, frames, WIDTH)
        x = self.norm1(x + self.out(mixed))
        done: Tensor = self.norm2(x + self.outer(F.relu(self.inner(x))))
        return done


def _bands(x: Tensor) -> Tensor:
    """Mean over BANDS groups of bins, which share a bin where they do not divide: (B, C * BANDS, frames)."""
    count = x.shape[2]
    edges = [(count * i // BANDS, -(-count * (i + 1) // BANDS)) for i in range(BANDS)]
    return torch.stack([x[:, :, low:high].mean(2) for low, high in edges], 2).flatten(1, 2)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Means and mean squares over the last axis."""
    return x.mean(2), (x * x).mean(2)


def row(moments: Tensor) -> Tensor:
    """Moments (B, ROW), those of one second or the mean of several, to means and standard deviations (B, ROW)."""
    parts, start = [], 0
    for depth in DEPTHS:
        mean, square = moments[:, start : start + depth], moments[:, start + depth : start + 2 * depth]
        parts += [mean, torch.sqrt((square - mean * mean).clamp(min=0) + 1e-6)]
        start += 2 * depth
    return torch.cat(parts, 1)


class Front(nn.Module):
    """Samples (B, N), N a multiple of 8000, at -30 dBFS, to moments (B, ROW).

    By the encoder's name export.voice_start knows its weights in a whole model.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()

    def forward(self, samples: Tensor) -> Tensor:
        moments: Tensor = self.encoder(samples)
        return moments


def read(checkpoint: Path) -> tuple[Front, str]:
    """Return the front end of a checkpoint of tune_front, interpolate or export.voice_start, and its command."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    front = Front()
    front.load_state_dict(state["model"])
    return front, str(state["command"])


def pretrained(path: Path | None = None) -> Encoder:
    """Return the encoder with the weights of Distill-MOS, from a file or from the installed package.

    The package's own code, which asks for torchaudio, is not run. Raises MissingExtraError, or ValueError where the
    weights are not those of release 0.9.1.
    """
    if path is None:
        found = find_spec("distillmos")
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError("distillmos==0.9.1 (pip install --no-deps distillmos==0.9.1)", "train")
        path = Path(found.submodule_search_locations[0]) / "weights" / "distill_mos_v7.pt"
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise ValueError(f"{path}: not the weights of distillmos 0.9.1")
    theirs = torch.load(path, map_location="cpu", weights_only=True)["model"]
    encoder = Encoder()
    encoder.load_state_dict(_renamed(theirs))
    return encoder.eval()


def _renamed(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    head = "transformer_pool_attn."
    deep = f"{head}transformer.transformer_encoder.layers."
    names = {f"convs.{i}": f"cnn.cnn.{2 * i}" for i in range(6)}
    names |= {"norm": f"{head}norm_input", "norm2": f"{head}transformer.norm"}
    names["project"] = f"{head}transformer.linear_proj"
    inner = {"out": "self_attn.out_proj", "norm1": "norm1", "norm2": "norm2", "inner": "linear1", "outer": "linear2"}
    names |= {f"layers.{n}.{ours}": f"{deep}{n}.{name}" for n in range(LAYERS) for ours, name in inner.items()}
    state = {
        f"{ours}.{key.removeprefix(name + '.')}": value
        for ours, name in names.items()
        for key, value in theirs.items()
        if key.startswith(name + ".")
    }
    for n in range(LAYERS):
        state[f"layers.{n}.attend.weight"] = theirs[f"{deep}{n}.self_attn.in_proj_weight"]
        state[f"layers.{n}.attend.bias"] = theirs[f"{deep}{n}.self_attn.in_proj_bias"]
    state["positions"] = theirs[f"{head}transformer.position_encoding.pe"][:, :PERIOD]
    return state
