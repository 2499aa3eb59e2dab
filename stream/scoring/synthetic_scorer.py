"""Was the whole face rendered by a machine? Asked of still pictures, beside the question whether it was manipulated.

A face that StyleGAN or a diffusion model rendered was blended into nothing, so the model of manipulated faces has
nothing to find; a second one looks for the texture of generators. Each is calibrated for itself, and each knows only
its own kind: that a face shows no blend says nothing of whether it was rendered, and the other way round. So what
counts is the stronger evidence:

    probability of fake = the larger of both probabilities

Neither kind lowers what the other found. Adding or averaging the likelihood ratios, Bayes' rule for kinds that exclude
each other, takes what a model says of the other's kind to be what it says of a genuine face; on StyleGAN the model of
manipulations finds rendered faces *less* suspicious than genuine ones, and spoils the answer.

The model of manipulations is calibrated on seconds of video, and one picture tells less: of genuine ones one in twenty
reaches its threshold of `fake`. Here it has to exceed that by one unit of log-odds, and is three times as short of
it as it is short of that.

The model looks at a face several times, closer and wider; the mean of its logits counts.

Frames of video are not asked: what a codec does to a texture was never shown to this model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ...engines import Card, Engine
from ..calibration import STILL_FAKE_AT, Calibration, log_odds, sigmoid
from ..faces.align import crop_inside, face_px
from ..types import FaceVerdict, Floats, Image, Status
from .face_scorer import blob
from .fusion import doubtful
from .models import card_of

LEAST_PX = 64.0
"Least side of a face where the card names none, px."
Evidence = Literal["manipulated", "synthesised"]
_BEYOND, _SHORTER = 1.0, 3.0
"Log-odds by which the evidence of manipulation in one picture has to exceed `fake`; the factor on what it is short."


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
        return synthesis(logit, Calibration.of(self.card, STILL_FAKE_AT))


def views(image: Image, points: Floats, card: Card) -> list[Image]:
    """Return the crops of a face that the model is asked of, (S, S, 3) BGR each, none over the picture's border."""
    scales: Sequence[float] = card.views or (card.crop_scale,)
    return [crop_inside(image, points, card.input_size[0], scale) for scale in scales]


def synthesis(logit: float, calibration: Calibration) -> Synthesis:
    """Return what a logit means."""
    p = calibration.probability(logit)
    return Synthesis(p, calibration.status(p))


def join(manipulated: FaceVerdict, synthesised: Synthesis, fake_at: float, real_at: float) -> FaceVerdict:
    """Return the verdict on a face from the two kinds of evidence: the stronger one's.

    `fake` where either kind alone is (of_one_picture), `real` where both are.

    Args:
        manipulated: the verdict before the face was asked about as a whole.
        synthesised: what was found then.
        fake_at: least probability of `fake` of the manipulated kind.
        real_at: greatest probability of `real` of it.
    """
    if manipulated.fake is None:
        return manipulated
    one = of_one_picture(manipulated.fake, fake_at)
    fake = max(one, synthesised.fake)
    if doubtful(manipulated.reasons):
        return replace(manipulated, fake=fake)
    if one >= fake_at or synthesised.status == "fake":
        return replace(manipulated, fake=fake, status="fake", reasons=())
    if manipulated.fake <= real_at and synthesised.status == "real":
        return replace(manipulated, fake=fake, status="real", reasons=())
    return replace(manipulated, fake=fake, status="uncertain", reasons=("borderline",))


def of_one_picture(p: float, fake_at: float) -> float:
    """Return what the probability of manipulation is worth where there is but one picture, under the same fake_at."""
    goal = log_odds(fake_at)
    beyond = log_odds(p) - goal - _BEYOND
    return sigmoid(goal + (beyond if beyond >= 0 else _SHORTER * beyond))


def parts(manipulated: FaceVerdict, synthesised: Synthesis, joined: FaceVerdict, fake_at: float) -> dict[str, Any]:
    """Return what a report tells of the two kinds: a probability each, and which of them speaks for a fake."""
    p, q = of_one_picture(manipulated.fake or 0.0, fake_at), synthesised.fake
    evidence: Evidence | None = None
    if joined.status == "fake" or (joined.fake or 0.0) >= 0.5:
        evidence = "synthesised" if q > p else "manipulated"
    return {"manipulated": round(p, 4), "synthesised": round(q, 4), "evidence": evidence}
