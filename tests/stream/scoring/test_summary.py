"""What the verdicts on a voice add up to."""

from __future__ import annotations

import math

import pytest
from truefeed.stream.scoring.summary import VoiceRecord
from truefeed.stream.types import VoiceVerdict


def heard(t: float, fake: float, since: float | None, *reasons: str) -> VoiceVerdict:
    return VoiceVerdict(t, fake, "uncertain", reasons, 3.0, since)


def told(*verdicts: VoiceVerdict) -> VoiceVerdict:
    record = VoiceRecord()
    for verdict in verdicts:
        record.add(verdict)
    found = record.sum(0.8, 0.2)
    assert found is not None
    return found


def test_the_last_of_the_verdicts_on_the_same_seconds_counts() -> None:
    assert told(heard(2, 0.9, 1.0), heard(3, 0.5, 1.0), heard(4, 0.1, 1.01)).fake == pytest.approx(0.1)


def test_verdicts_on_other_seconds_are_averaged() -> None:
    logit = math.log(9)
    found = told(heard(2, 0.5, 1.0), heard(8, 0.9, 1.0), heard(9, 0.5, 2.0), heard(10, 0.9, 3.0)).fake
    assert found == pytest.approx(1 / (1 + math.exp(-2 * logit / 3)))


def test_without_since_every_verdict_counts() -> None:
    assert told(heard(2, 0.9, None), heard(3, 0.1, None)).fake == pytest.approx(0.5)


def test_a_doubtful_verdict_does_not_take_the_place_of_a_good_one() -> None:
    good, doubtful = heard(3, 0.9, 1.0), heard(4, 0.2, 1.0, "too-short")
    assert told(good, doubtful).fake == pytest.approx(0.9)
    assert told(doubtful, good).fake == pytest.approx(0.9)


def test_summing_changes_nothing_and_every_verdict_is_on_the_timeline() -> None:
    record = VoiceRecord()
    record.add(heard(2, 0.9, 1.0))
    first = record.sum(0.8, 0.2)
    assert record.sum(0.8, 0.2) == first
    record.add(heard(3, 0.3, 1.0))
    assert [point["t"] for point in record.timeline()] == [2.0, 3.0]
    assert record.sum(0.8, 0.2) == told(heard(2, 0.9, 1.0), heard(3, 0.3, 1.0))
