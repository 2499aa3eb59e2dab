"""Figures of merit against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from truefeed.train.common import metrics

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9])
ONES = np.ones(4, int)


def test_auc_counts_pairs_in_order_and_ties_half() -> None:
    assert metrics.auc(LABELS, SCORES) == pytest.approx(14 / 16)
    assert metrics.auc(LABELS, np.zeros(8)) == 0.5
    assert metrics.auc(LABELS, -SCORES) == pytest.approx(2 / 16)
    assert np.isnan(metrics.auc(ONES, SCORES[:4]))


def test_eer_is_where_both_errors_meet() -> None:
    assert metrics.eer(LABELS, SCORES) == pytest.approx(0.25)
    assert metrics.eer(LABELS, LABELS.astype(float)) == 0.0
    assert np.isnan(metrics.eer(ONES, SCORES[:4]))


def test_detection_at_a_false_positive_rate_never_exceeds_it() -> None:
    assert metrics.tpr_at(LABELS, SCORES, 0.0) == 0.5  # above 0.7 there are 0.8 and 0.9
    assert metrics.tpr_at(LABELS, SCORES, 0.25) == 1.0
    assert metrics.tpr_at(LABELS, np.zeros(8), 0.1) == 0.0


def test_the_curve_runs_from_corner_to_corner_with_the_same_area() -> None:
    alarm, found = metrics.roc(LABELS, SCORES)
    assert (alarm[0], found[0], alarm[-1], found[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(found, alarm) == pytest.approx(metrics.auc(LABELS, SCORES))


def test_brier_and_calibration_error_give_both_classes_the_same_weight() -> None:
    many = np.array([0] + [1] * 9)
    assert metrics.brier(many, np.full(10, 0.5)) == pytest.approx(0.25)
    assert metrics.ece(many, np.full(10, 0.5)) == pytest.approx(0.0)
    assert metrics.ece(many, many.astype(float)) == pytest.approx(0.0)
    assert metrics.ece(many, np.full(10, 0.9)) == pytest.approx(0.4)
    said, true, weight = metrics.reliability(LABELS, SCORES, 2)
    assert true == pytest.approx([0.25, 0.75])
    assert (said[0], weight.sum()) == (pytest.approx(0.25), pytest.approx(1.0))


def test_the_interval_draws_whole_people() -> None:
    # Eight clips of one pair of people are not eight witnesses: the interval must be as wide as without the copies.
    labels, scores, people = (np.tile(v, 8) for v in (LABELS, SCORES, np.arange(8)))
    alone = metrics.bootstrap(metrics.auc, LABELS, SCORES, np.arange(8), 300)
    copied = metrics.bootstrap(metrics.auc, labels, scores, people, 300)
    independent = metrics.bootstrap(metrics.auc, labels, scores, np.arange(64), 300)
    assert copied == pytest.approx(alone)
    assert independent[1] - independent[0] < 0.6 * (copied[1] - copied[0])
    low, high = metrics.bootstrap(metrics.auc, ONES, SCORES[:4], np.arange(4), 10)
    assert np.isnan(low)
    assert np.isnan(high)


def test_no_event_is_no_proof_of_a_rate_of_zero() -> None:
    low, high = metrics.rate_interval(0, 2.0)
    assert (low, high) == (0.0, pytest.approx(3.689 / 2, abs=1e-3))
    assert metrics.rate_interval(3, 1.0) == (pytest.approx(0.6187, abs=1e-4), pytest.approx(8.7673, abs=1e-4))
    assert metrics.share_interval(0, 30) == (0.0, pytest.approx(0.1157, abs=1e-4))
    assert metrics.share_interval(30, 30) == (pytest.approx(0.8843, abs=1e-4), 1.0)
