"""AASIST, written anew from its paper: from 16 kHz samples to a hidden layer of 160 numbers.

Jung et al., "AASIST: Audio Anti-Spoofing using Integrated Spectro-Temporal Graph Attention Networks", ICASSP 2022.
Fixed sinc filters and residual blocks make a map of bands and frames; its bands and its frames become the nodes of two
graphs, which two branches of heterogeneous graph attention join, each with a master node that hears all others.

`pretrained` reads the parameters that come with the ASVspoof 5 challenge's baseline (MIT, NAVER Corp.), under the names
that they have there. They are a start: what ships was trained on from them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...stream.audio import RATE
from ...stream.errors import ConfigError

FILTERS, TAPS = 70, 129
LOW, HIGH = 60.0, 7000.0
"What is heard, Hz."
WIDTHS = (1, 32, 32, 64, 64, 64, 64)
BANDS = 23
"Of the map: the filters, pooled by three."
GRAPH, JOINT = 64, 32
"Numbers of a node in the first graphs and in the joint ones."
KEEP_BANDS, KEEP_FRAMES, KEEP_JOINT = 0.5, 0.7, 0.5
"Shares of the nodes that pooling keeps."
FIRST_TEMPERATURE, JOINT_TEMPERATURE = 2.0, 100.0
HIDDEN = 5 * JOINT


class Aasist(nn.Module):
    """Samples (B, N) to the hidden layer (B, HIDDEN); `out` makes two logits of it, spoof and genuine."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", _sinc_filters()[:, None], persistent=False)
        self.first_norm = nn.BatchNorm2d(1)
        self.blocks = nn.ModuleList(Block(WIDTHS[i], WIDTHS[i + 1]) for i in range(len(WIDTHS) - 1))
        self.band_places = nn.Parameter(torch.zeros(1, BANDS, GRAPH))
        self.bands, self.frames = _Attention(FIRST_TEMPERATURE), _Attention(FIRST_TEMPERATURE)
        self.keep_bands, self.keep_frames = _Pool(GRAPH, KEEP_BANDS), _Pool(GRAPH, KEEP_FRAMES)
        self.branches = nn.ModuleList(_Branch() for _ in range(2))
        self.out = nn.Linear(HIDDEN, 2)

    def forward(self, samples: Tensor) -> Tensor:
        hidden: Tensor = self.upper(self.lower(samples))
        return hidden

    def lower(self, samples: Tensor, blocks: int = len(WIDTHS) - 1) -> Tensor:
        """Samples (B, N) to the map (B, C, BANDS, frames) behind so many residual blocks."""
        x = F.conv1d(samples[:, None], self.filters).abs()  # (B, FILTERS, N - 128)
        x = F.selu(self.first_norm(F.max_pool2d(x[:, None], 3)))
        for block in self.blocks[:blocks]:
            x = block(x)
        return x

    def upper(self, x: Tensor, done: int = len(WIDTHS) - 1) -> Tensor:
        """What is left after `lower` with `done` blocks: (B, C, BANDS, frames) to (B, HIDDEN)."""
        for block in self.blocks[done:]:
            x = block(x)
        x = x.abs()
        bands = self.keep_bands(self.bands(x.amax(3).transpose(1, 2) + self.band_places))
        frames = self.keep_frames(self.frames(x.amax(2).transpose(1, 2)))
        (frames1, bands1, master1), (frames2, bands2, master2) = (branch(frames, bands) for branch in self.branches)
        frames, bands = torch.maximum(frames1, frames2), torch.maximum(bands1, bands2)
        pooled = [frames.abs().amax(1), frames.mean(1), bands.abs().amax(1), bands.mean(1)]
        return torch.cat([*pooled, torch.maximum(master1, master2)[:, 0]], 1)

    def residual(self) -> list[Block]:
        """The residual blocks, in order."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def logit(self, hidden: Tensor) -> Tensor:
        """Hidden layer (B, HIDDEN) to logits (B,) as the baseline reads it: above 0 is spoof."""
        both = self.out(hidden)
        logits: Tensor = both[:, 0] - both[:, 1]
        return logits


class Block(nn.Module):
    """Two convolutions beside a shortcut: (B, width, bands, frames) to (B, out, bands, frames // 3)."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, out, (2, 3), padding=(1, 1))
        self.norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, (2, 3), padding=(0, 1))
        self.shortcut = nn.Conv2d(width, out, (1, 3), padding=(0, 1)) if width != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.selu(self.norm(self.first(x))))
        return F.max_pool2d(y + self.shortcut(x), (1, 3))


class _Attention(nn.Module):
    """Graph attention over nodes (B, n, GRAPH), each hearing all."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.pair, self.weight = nn.Linear(GRAPH, GRAPH), nn.Parameter(torch.zeros(GRAPH, 1))
        self.heard, self.own = nn.Linear(GRAPH, GRAPH), nn.Linear(GRAPH, GRAPH)
        self.norm = nn.BatchNorm1d(GRAPH)

    def forward(self, x: Tensor) -> Tensor:
        pairs = torch.tanh(self.pair(x[:, :, None] * x[:, None]))  # (B, n, n, GRAPH)
        mixed = ((pairs @ self.weight)[..., 0] / self.temperature).softmax(2) @ x
        return F.selu(_normed(self.norm, self.heard(mixed) + self.own(x)))


class _Joint(nn.Module):
    """Attention over frames and bands together, weighed by the kinds of a pair, and a master node over both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_frames, self.of_bands = nn.Linear(width, width), nn.Linear(width, width)
        self.pair, self.pair_master = nn.Linear(width, JOINT), nn.Linear(width, JOINT)
        self.frames_weight, self.bands_weight = nn.Parameter(torch.zeros(JOINT, 1)), nn.Parameter(torch.zeros(JOINT, 1))
        self.cross_weight = nn.Parameter(torch.zeros(JOINT, 1))
        self.master_weight = nn.Parameter(torch.zeros(JOINT, 1))
        self.heard, self.own = nn.Linear(width, JOINT), nn.Linear(width, JOINT)
        self.heard_master, self.own_master = nn.Linear(width, JOINT), nn.Linear(width, JOINT)
        self.norm = nn.BatchNorm1d(JOINT)

    def forward(self, frames: Tensor, bands: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = frames.shape[1]
        x = torch.cat([self.of_frames(frames), self.of_bands(bands)], 1)
        pairs = torch.tanh(self.pair(x[:, :, None] * x[:, None]))  # (B, n, n, JOINT)
        upper = torch.cat(
            [pairs[:, :count, :count] @ self.frames_weight, pairs[:, :count, count:] @ self.cross_weight], 2
        )
        lower = torch.cat(
            [pairs[:, count:, :count] @ self.cross_weight, pairs[:, count:, count:] @ self.bands_weight], 2
        )
        mixed = (torch.cat([upper, lower], 1)[..., 0] / JOINT_TEMPERATURE).softmax(2) @ x
        told = torch.tanh(self.pair_master(x * master)) @ self.master_weight  # (B, n, 1)
        told = (told / JOINT_TEMPERATURE).softmax(1).transpose(1, 2) @ x
        master = self.heard_master(told) + self.own_master(master)
        x = F.selu(_normed(self.norm, self.heard(mixed) + self.own(x)))
        return x[:, :count], x[:, count:], master


class _Branch(nn.Module):
    """Joint attention, pooling, and joint attention again beside what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.master = nn.Parameter(torch.zeros(1, 1, GRAPH))
        self.first, self.second = _Joint(GRAPH), _Joint(JOINT)
        self.keep_frames, self.keep_bands = _Pool(JOINT, KEEP_JOINT), _Pool(JOINT, KEEP_JOINT)

    def forward(self, frames: Tensor, bands: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        frames, bands, master = self.first(frames, bands, self.master.expand(frames.shape[0], -1, -1))
        frames, bands = self.keep_frames(frames), self.keep_bands(bands)
        more = self.second(frames, bands, master)
        return frames + more[0], bands + more[1], master + more[2]


class _Pool(nn.Module):
    """Keep a share of the nodes, those that matter most, weighed by how much they do (Gao and Ji, 2019)."""

    def __init__(self, width: int, share: float) -> None:
        super().__init__()
        self.share, self.score = share, nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.score(x).sigmoid()
        best = weight.topk(max(int(x.shape[1] * self.share), 1), 1).indices
        kept: Tensor = (x * weight).gather(1, best.expand(-1, -1, x.shape[2]))
        return kept


def _normed(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Normalise nodes (B, n, D) over batch and nodes."""
    out: Tensor = norm(x.transpose(1, 2)).transpose(1, 2)
    return out


def _sinc_filters() -> Tensor:
    """Band-pass filters (FILTERS, TAPS) whose edges lie evenly on the mel scale from 0 to 8 kHz, Hamming windowed.

    Those beyond LOW and HIGH hear nothing: band edges tell recordings apart, not how a voice was made.
    """
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, FILTERS + 1) / 2595) - 1)
    edges = edges.clip(LOW, HIGH)
    time = np.arange(TAPS) - TAPS // 2
    low_pass = [2 * edge / RATE * np.sinc(2 * edge * time / RATE) for edge in edges]
    return torch.tensor(np.diff(low_pass, axis=0) * np.hamming(TAPS), dtype=torch.float32)


def pretrained(path: Path) -> Aasist:
    """Return the network with the parameters of the ASVspoof 5 baseline. Raises ConfigError where they are others."""
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    model = Aasist()
    try:
        model.load_state_dict({ours: theirs[name] for ours, name in names(model).items()})
    except (KeyError, RuntimeError) as error:
        raise ConfigError(
            f"{path}: not the parameters of AASIST as the ASVspoof 5 baseline names them: {error}"
        ) from None
    return model.eval()


def names(model: Aasist) -> dict[str, str]:
    """Our names of all parameters to those of the baseline's file."""
    parts = {"first_norm": "first_bn", "band_places": "pos_S", "out": "out_layer"}
    parts |= {"bands": "GAT_layer_S", "frames": "GAT_layer_T", "keep_bands": "pool_S", "keep_frames": "pool_T"}
    parts |= {f"blocks.{i}": f"encoder.{i}.0" for i in range(len(WIDTHS) - 1)}
    for i in (1, 2):
        branch = f"branches.{i - 1}"
        parts |= {f"{branch}.master": f"master{i}"}
        parts |= {f"{branch}.first": f"HtrgGAT_layer_ST{i}1", f"{branch}.second": f"HtrgGAT_layer_ST{i}2"}
        parts |= {f"{branch}.keep_frames": f"pool_hT{i}", f"{branch}.keep_bands": f"pool_hS{i}"}
    leaves = {"weight": "att_weight", "pair": "att_proj", "heard": "proj_with_att", "own": "proj_without_att"}
    leaves |= {"of_frames": "proj_type1", "of_bands": "proj_type2", "pair_master": "att_projM", "norm": "bn"}
    leaves |= {"frames_weight": "att_weight11", "bands_weight": "att_weight22", "cross_weight": "att_weight12"}
    leaves |= {"master_weight": "att_weightM", "heard_master": "proj_with_attM", "own_master": "proj_without_attM"}
    leaves |= {"score": "proj"}
    block = {"first": "conv1", "second": "conv2", "norm": "bn2", "shortcut": "conv_downsample"}
    names = {}
    for ours in model.state_dict():
        part = max((p for p in parts if ours == p or ours.startswith(f"{p}.")), key=len)
        rest = ours[len(part) + 1 :]
        if rest:
            head, _, tail = rest.partition(".")
            head = (
                (block if part.startswith("blocks.") else leaves).get(head, head) if (tail or part != "out") else head
            )
            if part in ("first_norm", "out"):
                head = rest.partition(".")[0]
            rest = f".{head}.{tail}" if tail else f".{head}"
        names[ours] = parts[part] + rest
    return names


def read(checkpoint: Path) -> tuple[Aasist, str]:
    """Return the network of a checkpoint of tune_aasist, and the command it names."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Aasist()
    model.load_state_dict(state["model"])
    return model.eval(), str(state["command"])
