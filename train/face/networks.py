"""The networks of the face model: a frame encoder and a temporal head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .efficientnet_lite import EfficientNetLite, Variant
from .readout import SHARED, Readout


@dataclass(frozen=True)
class EncoderSettings:
    embedding: int = 64
    "Numbers an embedding has, beside the frame logit."
    dropout: float = 0.2
    own: float = 0.0
    "Share of a picture's own statistics in the first norms (train.face.efficientnet_lite.Norm)."
    trunk: Variant = "lite0"
    readout: int = 0
    "Side of the crop, px, of an encoder that also gives what train.face.readout reads; 0 = it does not."


class FaceEncoder(nn.Module):
    """Crop to embedding, frame logit and a map of where the evidence lies.

    The map is supervised with the blend mask, as in Li et al., "Face X-ray for More General Face Forgery Detection",
    CVPR 2020: that teaches where to look with a few thousand pictures, and at run time it explains a score.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.trunk = EfficientNetLite(settings.trunk)
        self.trunk.know_own(settings.own)
        self.map = nn.Sequential(nn.Conv2d(self.trunk.middle, 64, 1), nn.ReLU(), nn.Conv2d(64, 1, 1))
        self.drop = nn.Dropout(settings.dropout)
        self.embed = nn.Linear(1280 + 2, settings.embedding)
        self.logit = nn.Linear(settings.embedding, 1)
        self.readout = Readout(settings.trunk, settings.readout) if settings.readout else None

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S), normalised; give (B, D) whose last column is the logit, and (B, S/16, S/16) logits.

        With a readout its log-odds are the column before the last.
        """
        shared = self.shared(crops)
        embedding, evidence = self.judged(*self.trunk.rest(shared[-1], SHARED))
        if self.readout is not None:
            read = self.readout(crops, shared)
            embedding = torch.cat([embedding[:, :-1], read[:, None], embedding[:, -1:]], 1)
        return embedding, evidence

    def shared(self, crops: Tensor) -> list[Tensor]:
        """(B, C, H, W) of each of the first stages, which a tuning leaves as they are."""
        x, found = self.trunk.stem(crops), []
        for stage in list(self.trunk.early)[:SHARED]:
            x = stage(x)
            found.append(x)
        return found

    def judged(self, middle: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Give what forward does, of the trunk's (B, middle, S/16, S/16) and (B, 1280, S/32, S/32)."""
        evidence = self.map(middle)[:, 0]
        flat = evidence.flatten(1)
        summary = torch.stack([flat.mean(1), flat.amax(1)], 1)
        hidden = torch.tanh(self.embed(torch.cat([self.drop(features.mean((2, 3))), summary], 1)))
        return torch.cat([hidden, self.logit(hidden)], 1), evidence


_MOMENTS = 10
"Measurements of motion that count in full: those of a second."

_CONTRAST = (-1.0, 3.0)
"Spreads of genuine video that one contrast may lie below and above its mean: no single one may decide."

_SIGN = (-2.5, 4.0)
"The same for a sign, which several contrasts make."


@dataclass(frozen=True)
class HeadSettings:
    embedding: int = 64
    "As in EncoderSettings."
    width: int = 48
    heads: int = 4
    rows: int = 64
    "Longest window, scored frames."
    motion: int = 0
    "Columns of stream.faces.motion_features in a row, before its last one; 0 = none."
    signs: tuple[int, ...] = ()
    "Contrasts that each sign of manipulation is made of."
    readout: bool = False
    "Whether a row has the log-odds of a readout, after the embedding."


class Signs(nn.Module):
    """Signs of manipulation in how a face moves, as log-odds: how far each lies from genuine video.

    A sign is the sum of some contrasts, each the difference of two measures of stream.faces.motion_features, in spreads
    of genuine video and turned so that more is more suspicious. No number here was fitted to fakes; which contrasts
    there are (train.face.motion_head names them) and `gain` were chosen on dev clips.
    """

    contrasts: Tensor
    mean: Tensor
    spread: Tensor
    members: Tensor
    level: Tensor
    scale: Tensor
    gain: Tensor

    def __init__(self, measures: int, signs: tuple[int, ...]) -> None:
        super().__init__()
        count = sum(signs)
        self.register_buffer("contrasts", torch.zeros(measures, count))
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        owner = torch.repeat_interleave(torch.arange(len(signs)), torch.tensor(signs))
        self.register_buffer("members", fn.one_hot(owner, len(signs)).float())
        self.register_buffer("level", torch.zeros(len(signs)))
        self.register_buffer("scale", torch.ones(len(signs)))
        self.register_buffer("gain", torch.ones(len(signs)))

    def far(self, measures: Tensor) -> Tensor:
        """(B, measures), means over time, to (B, signs) in spreads of genuine video."""
        return ((self.sums(measures) - self.level) / self.scale).clamp(*_SIGN)

    def sums(self, measures: Tensor) -> Tensor:
        """(B, measures) to (B, signs), sums of contrasts."""
        lies = ((measures @ self.contrasts - self.mean) / self.spread).clamp(*_CONTRAST)
        return lies @ self.members

    def forward(self, motion: Tensor, mask: Tensor) -> Tensor:
        """Take (B, L, COLUMNS) of stream.faces.motion_features and the (B, L) mask of the rows; give (B,) log-odds."""
        present = motion[..., -1:] * mask[..., None]
        count = present.sum(1)
        odds = self.far((motion[..., :-1] * present).sum(1) / count.clamp_min(1)) @ self.gain
        # A few measurements stray far from their mean: they may not cry wolf.
        known: Tensor = (count / _MOMENTS).clamp(max=1)[:, 0]
        return odds * known


class WindowHead(nn.Module):
    """Window of embeddings to one logit: the mean of the frame logits plus what attention over time adds.

    It starts as the plain mean, since the last layer starts at zero: time has to earn its part.
    """

    level: Tensor
    "With a readout: the log-odds of genuine faces in the mean."
    less: Tensor
    "With a readout: what the less suspicious of it and of the rest counts."

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.enter = nn.Linear(settings.embedding + 1 + 8, width)
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.pool = nn.Linear(width, 1)
        self.drop = nn.Dropout(0.3)
        self.leave = nn.Linear(width + 2, 1)
        self.gain = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        if settings.motion:
            self.signs = Signs(settings.motion - 1, settings.signs)
        if settings.readout:
            self.register_buffer("level", torch.zeros(1))
            self.register_buffer("less", torch.zeros(1))

    def forward(self, rows: Tensor, ages: Tensor, mask: Tensor) -> Tensor:
        """Take (B, L, D) rows, (B, L) ages in s and (B, L) mask, 1 where a row is present; give (B,) logits."""
        cut = self.settings.embedding
        odds = self._seen(torch.cat([rows[..., :cut], rows[..., -1:]], 2), ages, mask)
        if self.settings.motion:
            # What the look and the motion of a face say is of different kinds: their odds multiply.
            odds = odds + self.signs(rows[..., -1 - self.settings.motion : -1], mask)
        if self.settings.readout:
            read = (rows[..., cut] * mask).sum(1) / mask.sum(1).clamp_min(1)
            # It knows other fakes. The more suspicious counts in full, so that neither calms what the other has found.
            odds = torch.maximum(odds, read) + self.less * (torch.minimum(odds, read) - self.level)
        return odds

    def _seen(self, rows: Tensor, ages: Tensor, mask: Tensor) -> Tensor:
        count = mask.sum(1, keepdim=True).clamp_min(1)
        frame = rows[..., -1]
        mean = (frame * mask).sum(1, keepdim=True) / count
        # Phases of four periods, 0.25 s to 8 s, tell attention how far apart two rows are.
        phase = torch.stack([ages * (6.2832 / period) for period in (0.25, 0.8, 2.5, 8.0)], -1)
        x = torch.cat([rows[..., :-1], (frame / 8).clamp(-2, 2)[..., None], phase.sin(), phase.cos()], -1)
        x = self.enter(x)
        x = x + self._attend(self.norm(x), mask)
        share = torch.softmax(self.pool(x)[..., 0] + (mask - 1) * 1e4, 1)
        pooled = (x * share[..., None]).sum(1)
        extra: Tensor = self.leave(self.drop(torch.cat([pooled, self._motion(frame, mean, mask, count)], 1)))
        return (mean * self.gain + extra)[:, 0]

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, L, W) to (B, L, W): every row looks at every row that is present."""
        batch, length, width = x.shape
        heads = self.settings.heads
        q, k, v = (
            f(x).reshape(batch, length, heads, width // heads).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        weight = q @ k.transpose(2, 3) * (width // heads) ** -0.5 + (mask[:, None, None] - 1) * 1e4
        out: Tensor = torch.softmax(weight, -1) @ v
        return out.transpose(1, 2).reshape(batch, length, width)

    @staticmethod
    def _motion(frame: Tensor, mean: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        """(B, 2): how much the frame logits spread and flicker."""
        spread = (((frame - mean) ** 2 * mask).sum(1, keepdim=True) / count + 1e-4).sqrt()
        both = mask[:, 1:] * mask[:, :-1]
        flicker = ((frame[:, 1:] - frame[:, :-1]).abs() * both).sum(1, keepdim=True) / both.sum(
            1, keepdim=True
        ).clamp_min(1)
        return torch.cat([spread / 4, flicker / 4], 1)
