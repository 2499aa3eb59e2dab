"""Checkpoints back to networks."""

from __future__ import annotations

from pathlib import Path

import torch

from .networks import EncoderSettings, FaceEncoder, HeadSettings, WindowHead


def read_encoder(path: Path) -> FaceEncoder:
    """Rebuild the frame encoder of a checkpoint, with its averaged weights."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = FaceEncoder(EncoderSettings(**state["settings"]))
    model.load_state_dict(state["average"])
    return model.eval()


def read_head(path: Path) -> WindowHead:
    """Rebuild the temporal head of a checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = WindowHead(HeadSettings(**state["settings"]))
    model.load_state_dict(state["model"])
    return model.eval()
