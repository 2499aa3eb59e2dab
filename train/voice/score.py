"""What the live path makes of a clip, for training and measuring: seconds of speech, moments, rows, a logit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...engines import Engine
from ...stream.audio.preprocess import RATE, level
from ...stream.types import Floats
from .front import ROW, row
from .perceptrons import VoiceNet, VoiceSettings

LEAST = RATE // 2
"Samples: of a clip shorter than a second the latest half second is heard."
WINDOW = 8.0
"Speech that one score of the live path is of, at most, s."
KNOWN, DOUBT = 2.0, 2.0
"The calibration is that of KNOWN seconds; what n seconds say weighs as n / (n + DOUBT) beside that."


class Reader(nn.Module):
    """Perceptrons behind moments: what the shipped file holds after the front end.

    The logits of a few seconds scatter more than those of many, so that the same logit means more after many: Platt's
    slope rises with the seconds heard (`by_duration`). Its distance from where both answers are as likely is therefore
    weighed by how many those are.
    """

    def __init__(self, net: nn.Module, even: float = 0.0) -> None:
        """Take the perceptrons, and the logit at which both answers are as likely."""
        super().__init__()
        self.net, self.even = net, even

    def forward(self, moments: Tensor, past: Tensor, count: Tensor) -> Tensor:
        """Give the logits (B,) of windows.

        Args:
            moments: (B, ROW) of the latest second of each window.
            past: (B, ROW), sums of the moments of the seconds before it.
            count: (B, 1), how many those are.
        """
        heard = count + 1
        logits = self.net(row((moments + past) / heard))
        gain = heard / (heard + DOUBT) * ((KNOWN + DOUBT) / KNOWN)
        weighed: Tensor = self.even + (logits - self.even) * gain[:, 0]
        return weighed


def even(calibration: tuple[float, float]) -> float:
    """Return the logit at which Platt's (a, b) gives one half."""
    a, b = calibration
    return -b / a


def read(checkpoint: Path) -> tuple[VoiceNet, dict[str, Any]]:
    """Return the perceptrons of a checkpoint of `truefeed train voice`, ready to score, and what else it holds."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = VoiceNet(VoiceSettings(**state["settings"]))
    model.load_state_dict(state["model"])
    return model.eval(), state


def seconds(samples: Floats) -> Floats:
    """Cut speech (n,) into its latest whole seconds (count, RATE), each levelled.

    Less than one is one piece of half a second. Raises ValueError where there is less than that.
    """
    if len(samples) < LEAST:
        raise ValueError(f"{len(samples)} samples of speech: {LEAST} or more are needed")
    length = RATE if len(samples) >= RATE else LEAST
    pieces = samples[len(samples) % length :].reshape(-1, length)
    return np.stack([level(piece) for piece in pieces])


def heard_row(moments: Floats) -> Tensor:
    """Return the row (1, ROW) of several seconds heard together, from the moments (n, ROW) of each."""
    return row(torch.from_numpy(moments.mean(0, keepdims=True)))


def window_row(front: Engine, samples: Floats) -> Floats:
    """Return the row (ROW,) of a window of speech (n,)."""
    moments = np.asarray(front.run({"samples": seconds(samples)})["moments"], np.float32)
    return np.asarray(heard_row(moments)[0].numpy(), np.float32)


def logit(engine: Engine, samples: Floats) -> float:
    """Return what a whole model says of a window of speech (n,), heard second by second as the live path hears it."""
    past, said = np.zeros((1, ROW), np.float32), 0.0
    for count, second in enumerate(seconds(samples)):
        given = {"samples": second[None], "past": past, "count": np.full((1, 1), count, np.float32)}
        found = engine.run(given)
        said, past = float(found["logit"][0]), past + found["moments"]
    return said
