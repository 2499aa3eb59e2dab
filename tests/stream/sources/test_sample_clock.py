"""The clock of a sound card that runs fast or slow, with blocks that are held up on their way."""

from __future__ import annotations

from random import Random

import pytest
from truefeed.stream.sources.sample_clock import SLIP, SampleClock

RATE, BLOCK = 48_000, 960


@pytest.mark.parametrize("ppm", [-400, -100, 0, 100, 400])
def test_a_card_that_is_fast_or_slow_is_followed_either_way(ppm: int) -> None:
    clock, chance = SampleClock(RATE), Random(1)
    true_length = BLOCK / RATE / (1 + ppm * 1e-6)
    arrived, end = 0.0, -1.0
    for number in range(1, 60_000):  # 20 minutes, in which 400 ppm are half a second
        ready = 1000 + number * true_length
        arrived = max(arrived, ready + chance.expovariate(1 / 0.003) + 0.1 * (number % 500 == 0))
        stamp = clock.place(BLOCK, arrived)
        assert abs(stamp - (ready - true_length)) < 0.03
        if end > 0:  # neither a hole nor an overlap that anybody would hear or take for a gap
            assert abs(stamp - end) < 0.0011
        end = stamp + BLOCK / RATE


def test_a_first_block_that_came_late_is_made_good() -> None:
    clock = SampleClock(RATE)
    stamps = [clock.place(BLOCK, max(11.0, 10 + number * 0.02)) for number in range(1, 2000)]
    assert stamps[0] == pytest.approx(10.98)
    assert stamps[-1] == pytest.approx(10 + 1998 * 0.02, abs=0.001)


def test_a_hole_is_a_hole() -> None:
    clock = SampleClock(RATE)
    before = [clock.place(BLOCK, 10 + number * 0.02) for number in range(1, 101)]
    after = clock.place(BLOCK, 12 + 0.02 + 1.5)
    assert after - before[-1] == pytest.approx(1.52)
    assert after - before[-1] > SLIP
