"""Figures of merit, with intervals. numpy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer]
Scores = npt.NDArray[np.floating]
Metric = Callable[[Labels, Scores], float]


def auc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve: the chance that a fake scores above a genuine one, ties counting half.

    Args:
        labels: (n,), 1 for fake.
        scores: (n,), higher for fake.

    Returns:
        0..1, or NaN where one class is empty.
    """
    fake, real = scores[labels == 1], np.sort(scores[labels == 0])
    if not len(fake) or not len(real):
        return float("nan")
    below = np.searchsorted(real, fake, "left") + np.searchsorted(real, fake, "right")
    return float(below.mean() / (2 * len(real)))


def eer(labels: Labels, scores: Scores) -> float:
    """Equal error rate: where misses and false alarms are equally frequent, 0..1."""
    miss, alarm = _errors(labels, scores)
    if np.isnan(miss).any() or np.isnan(alarm).any():
        return float("nan")
    best = int(np.argmin(np.abs(miss - alarm)))
    return float((miss[best] + alarm[best]) / 2)


def tpr_at(labels: Labels, scores: Scores, false_positive_rate: float) -> float:
    """Share of fakes found at the threshold that flags at most this share of genuine ones."""
    miss, alarm = _errors(labels, scores)
    allowed = alarm <= false_positive_rate
    return float(1 - miss[allowed].min()) if allowed.any() else float("nan")


def _errors(labels: Labels, scores: Scores) -> tuple[Scores, Scores]:
    """Miss and false-alarm rates at every threshold, the last one above all scores."""
    fake, real = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    if not len(fake) or not len(real):
        return np.full(1, np.nan), np.full(1, np.nan)
    cuts = np.append(np.unique(scores), np.inf)
    miss = np.searchsorted(fake, cuts, "left") / len(fake)
    alarm = 1 - np.searchsorted(real, cuts, "left") / len(real)
    return miss, alarm


def bootstrap(
    metric: Metric, labels: Labels, scores: Scores, groups: npt.NDArray[np.generic], n: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95% interval of a metric.

    Whole groups (people) are drawn with replacement, since clips of one person are not independent.
    """
    rng = np.random.default_rng(seed)
    names, member = np.unique(groups, return_inverse=True)
    where = [np.flatnonzero(member == i) for i in range(len(names))]
    values = []
    for _ in range(n):
        index = np.concatenate([where[i] for i in rng.integers(0, len(names), len(names))])
        value = metric(labels[index], scores[index])
        if not np.isnan(value):
            values.append(value)
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
