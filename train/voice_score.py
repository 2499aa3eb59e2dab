"""Logits of clips: the last whole half seconds, as the live path cuts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..stream.audio.prepare import RATE, level
from ..stream.audio.scorer import latest
from ..stream.values import Floats
from .voice_data import Clip
from .voice_net import VoiceNet, VoiceSettings

LONGEST_S = 4.0


def read(checkpoint: Path) -> tuple[VoiceNet, dict[str, Any]]:
    """Return the network of a checkpoint of `truefeed train voice`, ready to score, and what else it holds."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = VoiceNet(VoiceSettings(**state["settings"]))
    model.load_state_dict(state["model"])
    return model.eval(), state


def window(samples: Floats, seconds: float = LONGEST_S) -> Floats:
    """Return the first so many seconds, cut to whole half seconds and levelled."""
    return level(latest(samples[: round(seconds * RATE)]))


@torch.no_grad()
def score(
    model: nn.Module,
    clips: Sequence[Clip],
    *,
    version: int = 0,
    seconds: float = LONGEST_S,
    through: Callable[[Floats], Floats] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the logit of each clip, (n,); `through` is applied to its samples first."""
    model.eval()
    logits = []
    for clip in clips:
        samples = clip.version(version)
        samples = window(through(samples) if through else samples, seconds)
        logits.append(float(model(torch.from_numpy(samples[None]))[0]))
    return np.array(logits)
