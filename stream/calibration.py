"""From a model's logit to a probability and a word: the sigmoid, the thresholds, and those where a card names none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import Card
from .types import Status

FAKE_AT, REAL_AT = 0.8, 0.3
"Thresholds of status where a card names none."
STILL_FAKE_AT = 0.9
"That of `fake` for the model of synthesised faces."


def sigmoid(logit: float, calibration: tuple[float, float] = (1.0, 0.0)) -> float:
    """Return the probability 1 / (1 + exp(-(a * logit + b))), 0..1, for the calibration (a, b) (Platt, 1999)."""
    return float(sigmoids(np.asarray(logit), calibration))


def sigmoids(logits: npt.NDArray[Any], calibration: tuple[float, float] = (1.0, 0.0)) -> npt.NDArray[Any]:
    """Return the probabilities of logits of any shape, in that shape."""
    a, b = calibration
    return 1 / (1 + np.exp(-np.clip(a * logits + b, -30, 30)))


def log_odds(p: float) -> float:
    """Return the logit of a probability. A model that says 0 or 1 has run out of digits, not out of doubt."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the logits of one model become probabilities and words."""

    a: float = 1.0
    b: float = 0.0
    fake_at: float = FAKE_AT
    "Least probability that is called fake."
    real_at: float = REAL_AT
    "Greatest that is called real."

    @classmethod
    def of(cls, card: Card | None, fake_at: float = FAKE_AT) -> Calibration:
        """Take what the card says; fake_at holds where it names none."""
        if card is None:
            return cls(fake_at=fake_at)
        said = card.thresholds
        return cls(*card.calibration, float(said.get("fake", fake_at)), float(said.get("real", REAL_AT)))

    @property
    def thresholds(self) -> tuple[float, float]:
        """Least probability of `fake` and greatest of `real`."""
        return self.fake_at, self.real_at

    def probability(self, logit: float) -> float:
        """Return the calibrated probability that what has this logit is made by a machine."""
        return sigmoid(logit, (self.a, self.b))

    def status(self, fake: float) -> Status:
        """Return the word for a probability."""
        if fake >= self.fake_at:
            return "fake"
        return "real" if fake <= self.real_at else "uncertain"
