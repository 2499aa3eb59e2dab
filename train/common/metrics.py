"""Figures of merit, with intervals. numpy and SciPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, chi2

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
    """Equal error rate of labels and scores (n,): where misses and false alarms are equally frequent, 0..1."""
    miss, alarm = _errors(labels, scores)
    if np.isnan(miss).any() or np.isnan(alarm).any():
        return float("nan")
    best = int(np.argmin(np.abs(miss - alarm)))
    return float((miss[best] + alarm[best]) / 2)


def tpr_at(labels: Labels, scores: Scores, false_positive_rate: float) -> float:
    """Share of fakes found at the threshold that flags at most this share of genuine ones; labels and scores (n,)."""
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
    """Return the 95% interval of a metric of labels and scores (n,), each of one of groups (n,).

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


def roc(labels: Labels, scores: Scores) -> tuple[Scores, Scores]:
    """Return false-alarm and detection rates at every threshold, from (0, 0) to (1, 1)."""
    miss, alarm = _errors(labels, scores)
    return alarm[::-1], 1 - miss[::-1]


def brier(labels: Labels, probabilities: Scores) -> float:
    """Mean squared error of probabilities (n,), both classes counting the same: 0.25 for a constant 0.5."""
    error = (probabilities - labels) ** 2
    return float(np.mean([error[labels == side].mean() if (labels == side).any() else np.nan for side in (0, 1)]))


def reliability(labels: Labels, probabilities: Scores, bins: int = 10) -> tuple[Scores, Scores, Scores]:
    """Mean probability, share of fakes and weight, (m,) each, of the bins that are not empty.

    Labels and probabilities are (n,); both classes count the same.
    """
    weight = _balance(labels)
    bin_ = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = np.bincount(bin_, weight, bins)
    full = total > 0
    said: Scores = np.bincount(bin_, weight * probabilities, bins)[full] / total[full]
    true: Scores = np.bincount(bin_, weight * labels, bins)[full] / total[full]
    return said, true, np.asarray(total[full], np.float64)


def ece(labels: Labels, probabilities: Scores, bins: int = 10) -> float:
    """Expected calibration error of (n,) over bins of equal width, both classes counting the same, 0..1."""
    if not (labels == 0).any() or not (labels == 1).any():
        return float("nan")
    said, true, weight = reliability(labels, probabilities, bins)
    return float((np.abs(said - true) * weight).sum())


def _balance(labels: Labels) -> Scores:
    """Weights that sum to one, half of it for each class."""
    counts = np.maximum(np.bincount(labels, minlength=2), 1)
    weight = 1 / counts[labels]
    return np.asarray(weight / weight.sum(), np.float64)


def rate_interval(count: int, exposure: float) -> tuple[float, float]:
    """The exact 95% interval of a Poisson rate: count events in exposure (Garwood, Biometrika 28, 1936)."""
    if exposure <= 0:
        return float("nan"), float("nan")
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low / exposure), float(chi2.ppf(0.975, 2 * count + 2) / 2 / exposure)


def share_interval(count: int, of: int) -> tuple[float, float]:
    """The exact 95% interval of a share: count of so many (Clopper and Pearson, Biometrika 26, 1934)."""
    if not of:
        return float("nan"), float("nan")
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return float(low), float(high)
