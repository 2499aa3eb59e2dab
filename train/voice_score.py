"""Perceptrons from their checkpoint, and the windows of clips as the live path cuts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..stream.audio.prepare import RATE, level
from ..stream.audio.scorer import latest
from ..stream.values import Floats
from .voice_net import VoiceNet, VoiceSettings

LONGEST_S = 4.0


def read(checkpoint: Path) -> tuple[VoiceNet, dict[str, Any]]:
    """Return the perceptrons of a checkpoint of `truefeed train voice`, ready to score, and what else it holds."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = VoiceNet(VoiceSettings(**state["settings"]))
    model.load_state_dict(state["model"])
    return model.eval(), state


def window(samples: Floats, seconds: float = LONGEST_S) -> Floats:
    """Return the first so many seconds, cut to whole half seconds and levelled."""
    return level(latest(samples[: round(seconds * RATE)]))
