"""What the live path makes of a clip, for training and measuring: seconds of speech, moments, rows, a logit."""

from __future__ import annotations

import numpy as np

from ...engines import Engine
from ...stream.audio.preprocess import RATE, level
from ...stream.types import Floats
from .front import DEPTHS

WINDOW = 8.0
"Speech that one score of the live path is of, at most, s."
KNOWN, DOUBT = 2.0, 2.0
"The calibration is that of KNOWN seconds; what n seconds say weighs as n / (n + DOUBT) beside that."


def weighed(logits: Floats, seconds: float, even: float) -> Floats:
    """Weigh logits (n,) of windows by the seconds of speech they are of, as the shipped file does.

    Those of a few seconds scatter more than those of many, so that the same logit means more after many: Platt's slope
    rises with the seconds heard. The distance from `even`, the logit at which both answers are as likely, counts the
    more for it.
    """
    gain = seconds / (seconds + DOUBT) * ((KNOWN + DOUBT) / KNOWN)
    return np.asarray(even + (logits - even) * gain, np.float32)


def even_at(calibration: tuple[float, float]) -> float:
    """Return the logit at which Platt's (a, b) gives one half."""
    a, b = calibration
    return -b / a


def row(moments: Floats) -> Floats:
    """Moments (n, D), of one second each or means of several, to rows (n, D).

    Means and mean squares at each depth of the front end become means and standard deviations; what follows them stays.
    """
    parts, start = [], 0
    for depth in DEPTHS:
        mean, square = moments[:, start : start + depth], moments[:, start + depth : start + 2 * depth]
        parts += [mean, np.sqrt((square - mean * mean).clip(min=0) + 1e-6)]
        start += 2 * depth
    return np.asarray(np.concatenate([*parts, moments[:, start:]], 1), np.float32)


def seconds(samples: Floats) -> Floats:
    """Cut speech (n,) into its latest whole seconds (count, RATE), levelled. Raises ValueError for less than one."""
    if len(samples) < RATE:
        raise ValueError(f"{len(samples)} samples of speech: {RATE} or more are needed")
    return np.stack([level(piece) for piece in samples[len(samples) % RATE :].reshape(-1, RATE)])


def width(engine: Engine) -> int:
    """Return how many moments a front end or a whole model gives."""
    assert engine.card is not None
    return engine.card.input_size[1]


def moments(engine: Engine, samples: Floats) -> Floats:
    """Return what a whole model's front end makes of each second (count, D) of speech (n,)."""
    whole = {"past": np.zeros((1, width(engine)), np.float32), "count": np.zeros((1, 1), np.float32)}
    more = whole if engine.card is not None and engine.card.task == "voice" else {}
    each = [engine.run({"samples": second[None], **more}) for second in seconds(samples)]
    return np.concatenate([found["moments"] for found in each]).astype(np.float32)


def logit(engine: Engine, samples: Floats) -> float:
    """Return what a whole model says of a window of speech (n,), heard second by second as the live path hears it."""
    past, said = np.zeros((1, width(engine)), np.float32), 0.0
    for count, second in enumerate(seconds(samples)):
        given = {"samples": second[None], "past": past, "count": np.full((1, 1), count, np.float32)}
        found = engine.run(given)
        said, past = float(found["logit"][0]), past + found["moments"]
    return said
