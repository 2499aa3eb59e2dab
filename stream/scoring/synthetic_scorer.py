"""Was the whole face rendered by a machine? Asked of still pictures, beside the question whether it was manipulated.

A face that StyleGAN or a diffusion model rendered was blended into nothing, so the model of manipulated faces has
nothing to find; a second one looks for the texture of generators. The two fakes exclude each other: a face is genuine,
manipulated or synthesised. A calibrated probability p from even odds is a likelihood ratio r = p / (1 - p); with both
kinds of fake equally likely, and either model finding the other's kind to be like a genuine face, Bayes' rule gives

    ratio of fake to genuine = (r of manipulated + r of synthesised) / 2

The model looks at a face several times, closer and wider; the mean of its logits counts.

Frames of video are not asked: what a codec does to a texture was never shown to this model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ...engines import Card, Engine
from ..faces.align import crop_inside, face_px
from ..faces.quality import judge
from ..types import FaceVerdict, Floats, Image, Status
from .face_scorer import blob
from .fusion import doubtful
from .models import card_of

FAKE_AT, REAL_AT, LEAST_PX = 0.9, 0.3, 64.0
"Where the card names none: thresholds of status, and the least side of a face, px."
Evidence = Literal["manipulated", "synthesised"]


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What is thought of one face of a still picture as a whole."""

    fake: float
    "Calibrated probability that all of it was rendered by a machine, 0..1."
    status: Status


class StillScorer:
    """Runs the model of synthesised faces; keeps nothing of them."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine. Raises EngineError where it has no card."""
        self.card = card_of(engine)
        self._engine = engine

    def see(self, image: Image, points: Floats) -> tuple[Image, float, Floats] | None:
        """Look at one face of an HxWx3 BGR picture, given its (5, 2) points.

        Returns:
            The first view, the logit before calibration, a mean over the views, and the (h, w) logits of the first
            view's parts, shifted to have that mean; None where the face is smaller than the model was shown to work on.
        """
        if face_px(points) < float(self.card.quality.get("min_face_px", LEAST_PX)):
            return None
        seen = views(image, points, self.card)
        found = self._engine.run({"crops": blob(seen, self.card)})
        logit = float(found["logit"].mean())
        return seen[0], logit, np.asarray(found["map"][0] + (logit - found["logit"][0]), np.float32)

    def judge(self, logit: float) -> Synthesis:
        """Calibrate a logit and compare it with the card's thresholds."""
        return synthesis(logit, self.card.calibration, *thresholds(self.card.thresholds))


def views(image: Image, points: Floats, card: Card) -> list[Image]:
    """Return the crops of a face that the model is asked of, (S, S, 3) BGR each, none over the picture's border."""
    scales: Sequence[float] = card.views or (card.crop_scale,)
    return [crop_inside(image, points, card.input_size[0], scale) for scale in scales]


def thresholds(said: Any) -> tuple[float, float]:  # noqa: ANN401 - a card's mapping
    """Return the least probability of `fake` and the greatest of `real`."""
    return float(said.get("fake", FAKE_AT)), float(said.get("real", REAL_AT))


def synthesis(logit: float, calibration: tuple[float, float], fake_at: float, real_at: float) -> Synthesis:
    """Return what a logit means under a calibration and thresholds."""
    a, b = calibration
    p = float(1 / (1 + np.exp(-np.clip(a * logit + b, -30, 30))))
    return Synthesis(p, judge(p, (), fake_at, real_at)[0])


def join(manipulated: FaceVerdict, synthesised: Synthesis, real_at: float) -> FaceVerdict:
    """Return the verdict on a face from the two kinds of evidence.

    `fake` where either kind alone is; `real` where both together are at most real_at; no kind takes from the other
    what was called fake.
    """
    if manipulated.fake is None:
        return manipulated
    ratio = (_ratio(manipulated.fake) + _ratio(synthesised.fake)) / 2
    fake = ratio / (1 + ratio)
    if doubtful(manipulated.reasons):
        return replace(manipulated, fake=fake)
    called = [kind.fake for kind in (manipulated, synthesised) if kind.status == "fake" and kind.fake is not None]
    if called:
        return replace(manipulated, fake=max(fake, *called), status="fake", reasons=())
    if fake <= real_at:
        return replace(manipulated, fake=fake, status="real", reasons=())
    return replace(manipulated, fake=fake, status="uncertain", reasons=("borderline",))


def parts(manipulated: FaceVerdict, synthesised: Synthesis, joined: FaceVerdict) -> dict[str, Any]:
    """Return what a report tells of the two kinds: a probability each, and which of them speaks for a fake."""
    p, q = manipulated.fake or 0.0, synthesised.fake
    evidence: Evidence | None = None
    if joined.status == "fake" or (joined.fake or 0.0) >= 0.5:
        evidence = "synthesised" if q > p else "manipulated"
    return {"manipulated": round(p, 4), "synthesised": round(q, 4), "evidence": evidence}


def _ratio(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.exp(math.log(p) - math.log1p(-p))
