"""Logits, probabilities and words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from truefeed.engines import Card
from truefeed.stream.calibration import FAKE_AT, REAL_AT, STILL_FAKE_AT, Calibration, log_odds, sigmoid, sigmoids


def test_what_a_card_does_not_say_is_the_same_for_all() -> None:
    assert Calibration.of(None) == Calibration.of(Card("voice", "", "")) == Calibration(1.0, 0.0, FAKE_AT, REAL_AT)
    assert Calibration.of(None, STILL_FAKE_AT).thresholds == (0.9, 0.3)


def test_a_card_says_how_logits_become_words() -> None:
    card = Card("face", "", "", calibration=(2.0, -1.0), thresholds={"fake": 0.7, "real": 0.1})
    found = Calibration.of(card, STILL_FAKE_AT)
    assert found.thresholds == (0.7, 0.1)
    assert found.probability(1.5) == pytest.approx(1 / (1 + math.exp(-2)))
    assert [found.status(p) for p in (0.1, 0.11, 0.69, 0.7)] == ["real", "uncertain", "uncertain", "fake"]


def test_no_logit_overflows() -> None:
    assert sigmoid(-1e9) == pytest.approx(0, abs=1e-12)
    assert sigmoid(1e9) == pytest.approx(1)
    assert math.isfinite(log_odds(1.0))
    assert math.isfinite(log_odds(0.0))


def test_log_odds_and_sigmoid_undo_each_other() -> None:
    assert sigmoid(log_odds(0.3)) == pytest.approx(0.3)
    assert sigmoids(np.array([[0.0, 1.5]]), (2.0, -3.0)).tolist() == [[sigmoid(0.0, (2.0, -3.0)), 0.5]]
