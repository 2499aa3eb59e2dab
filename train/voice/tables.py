"""What a voice model reaches, in numbers and as Markdown; its calibration and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...stream.calibration import log_odds, sigmoid, sigmoids
from ..common.metrics import auc, bootstrap, eer
from ..eval.calibrate import platt
from .dataset import Clip

Numbers = npt.NDArray[np.floating]
FALSE_FAKE, FALSE_REAL = 0.02, 0.1
"Share of genuine speech that may be called fake, and of spoof speech that may be called real."
FALSE_ON_A_LINE, ENOUGH = 0.05, 20
"Share of genuine speech behind any one line that may be called fake, where there are so many clips of it."


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits of clips asked about in one way."""

    logits: Numbers
    "(n,)."
    clips: Sequence[Clip]
    "(n)."

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(n,), 1 for a fake."""
        return np.array([int(c.fake) for c in self.clips])

    def of(self, source: str) -> Answers:
        """Those of one page or corpus."""
        chosen = [i for i, clip in enumerate(self.clips) if clip.source == source]
        return Answers(self.logits[chosen], [self.clips[i] for i in chosen])

    def __add__(self, other: Answers) -> Answers:
        return Answers(np.concatenate([self.logits, other.logits]), [*self.clips, *other.clips])


def cell(answers: Answers) -> list[float]:
    """AUC, its 95% interval over speakers, EER."""
    labels, logits = answers.labels, answers.logits
    speakers = np.array([f"{c.source} {c.speaker}" for c in answers.clips])
    low, high = bootstrap(auc, labels, logits, speakers, 200)
    return [round(float(v), 3) for v in (auc(labels, logits), low, high, eer(labels, logits))]


def within(answers: Answers) -> dict[str, float]:
    """AUC of each page's spoofs against the same page's genuine clips: nothing but the making differs."""
    parts = {source: answers.of(source) for source in sorted({clip.source for clip in answers.clips})}
    return {s: round(auc(part.labels, part.logits), 3) for s, part in parts.items() if len(set(part.labels)) == 2}


def calibrate(answers: Answers, others: Sequence[Answers] = ()) -> tuple[tuple[float, float], dict[str, float]]:
    """Return Platt's fit, and thresholds by what speech that was left out reaches.

    Args:
        answers: that the fit is made on; both labels weigh alike.
        others: further answers (other lengths, lines), on the same scale, for the thresholds.

    Nearest to an alert is half a unit of log-odds above the threshold for fake.
    """
    a, b = platt(np.asarray(answers.logits, np.float64), answers.labels)
    every = [answers, *others]
    p = sigmoids(np.concatenate([part.logits for part in every]), (a, b))
    y = np.concatenate([part.labels for part in every])
    fake, real = float(np.quantile(p[y == 0], 1 - FALSE_FAKE)), float(np.quantile(p[y == 1], FALSE_REAL))
    for part in every:
        genuine = part.logits[part.labels == 0]
        if len(genuine) >= ENOUGH:
            highest = np.quantile(genuine, 1 - FALSE_ON_A_LINE)
            fake = max(fake, sigmoid(float(highest), (a, b)))
    fake, real = float(np.clip(fake, 0.6, 0.98)), float(np.clip(real, 0.02, 0.4))
    alert = sigmoid(log_odds(fake) + 0.5)
    levels = {"fake": fake, "real": real, "alert": alert, "clear": fake - 0.1}
    return (round(a, 4), round(b, 4)), {name: round(value, 3) for name, value in levels.items()}


def shares(answers: Answers, calibration: tuple[float, float], thresholds: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of either label that are called fake, and called real."""
    p, y = sigmoids(answers.logits, calibration), answers.labels
    found = {}
    for label, name in ((0, "genuine"), (1, "spoof")):
        if (y == label).any():
            found[f"{name} called fake"] = round(float(np.mean(p[y == label] >= thresholds["fake"])), 4)
            found[f"{name} called real"] = round(float(np.mean(p[y == label] <= thresholds["real"])), 4)
    return found
