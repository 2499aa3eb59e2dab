"""Checkpoints of face networks with random weights, as training writes them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from truefeed.train.face.networks import EncoderSettings, FaceEncoder, HeadSettings, WindowHead


def write_encoder(path: Path, seed: int, *, own: float = 0.0, spread: float = 1.0) -> Path:
    """Write an encoder; a spread above 1 has its logits differ more from picture to picture."""
    torch.manual_seed(seed)
    model = FaceEncoder(EncoderSettings(embedding=4, own=own)).eval()
    with torch.no_grad():
        model.logit.weight.mul_(spread)
    torch.save({"settings": asdict(model.settings), "average": model.state_dict(), "command": {"seed": seed}}, path)
    return path


def write_head(path: Path) -> Path:
    """Write a head for such encoders."""
    settings = HeadSettings(embedding=4, width=8, heads=2, rows=6)
    torch.save({"settings": asdict(settings), "model": WindowHead(settings).state_dict(), "command": {}}, path)
    return path
