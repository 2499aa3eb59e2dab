"""Media time from timestamps that are missing, jump, go back or start anew."""

from __future__ import annotations

import pytest
from truefeed.stream.sources.timestamps import Timeline

NOW = 1000.0
"An arbitrary moment of the monotonic clock, s."


def test_first_item_is_the_origin_and_the_other_stream_shares_it() -> None:
    line = Timeline(live=True)
    assert line.place("video", 50.0, NOW) == (0.0, False)
    assert line.place("audio", 50.02, NOW) == pytest.approx((0.02, False))
    assert line.place("video", 50.04, NOW + 0.04) == pytest.approx((0.04, False))


def test_pictures_without_a_stamp_are_placed_by_the_wall_clock_until_one_comes() -> None:
    line = Timeline(live=True)
    assert line.place("video", None, NOW) == (0.0, False)
    assert line.place("video", None, NOW + 0.04) == pytest.approx((0.04, False))
    assert line.place("video", 7.0, NOW + 0.08) == pytest.approx((0.08, False))
    assert line.place("video", 7.04, NOW + 0.3) == pytest.approx((0.12, False))


def test_a_single_missing_stamp_in_a_burst_keeps_the_step() -> None:
    line = Timeline(live=True)
    line.place("video", 1.80, NOW, 0.04)
    line.place("video", 1.84, NOW + 0.3, 0.04)
    assert line.place("video", None, NOW + 0.301, 0.04) == pytest.approx((0.08, False))
    assert line.place("video", 1.92, NOW + 0.302, 0.04) == pytest.approx((0.12, False))


def test_two_pictures_of_one_stamp_are_one() -> None:
    line = Timeline(live=True)
    line.place("video", 1.0, NOW)
    assert line.place("video", 1.0, NOW) is None


@pytest.mark.parametrize("jump", [-3.0, -0.5, 40.0, 95443.7])
def test_a_stamp_that_jumps_gives_the_time_on_the_wall(jump: float) -> None:
    line = Timeline(live=True)
    line.place("video", 100.0, NOW)
    line.place("audio", 100.0, NOW, 0.02)
    assert line.place("video", 100.04 + jump, NOW + 0.04) == pytest.approx((0.04, True))
    # The sound, whose clock jumps with it, stays in step.
    assert line.place("audio", 100.05 + jump, NOW + 0.07, 0.02) == pytest.approx((0.05, True))
    assert line.place("video", 100.08 + jump, NOW + 0.08) == pytest.approx((0.08, False))


def test_a_burst_after_a_delay_is_no_jump_and_a_real_hole_is_one() -> None:
    line = Timeline(live=True)
    line.place("video", 0.0, NOW)
    assert line.place("video", 0.04, NOW + 2.5) == pytest.approx((0.04, False))
    assert line.place("video", 0.08, NOW + 2.5) == pytest.approx((0.08, False))
    assert line.place("video", 2.58, NOW + 5.0) == pytest.approx((2.58, True))


def test_opened_again_time_goes_on_with_the_wall_clock() -> None:
    line = Timeline(live=True)
    line.place("video", 30.0, NOW)
    line.place("audio", 30.0, NOW, 0.02)
    line.place("video", 35.0, NOW + 5.0)
    line.restart()
    assert line.place("audio", 0.5, NOW + 9.0, 0.02) == pytest.approx((9.0, True))
    assert line.place("video", 0.6, NOW + 9.1) == pytest.approx((9.1, True))
    assert line.place("video", 0.64, NOW + 9.2) == pytest.approx((9.14, False))


def test_restart_before_anything_came_is_no_discontinuity() -> None:
    line = Timeline(live=True)
    line.restart()
    assert line.place("video", 3.0, NOW) == (0.0, False)


def test_a_hole_in_the_sound_is_a_discontinuity() -> None:
    line = Timeline(live=True)
    line.place("audio", 0.0, NOW, 0.02)
    assert line.place("audio", 0.02, NOW + 0.02, 0.02) == pytest.approx((0.02, False))
    assert line.place("audio", 0.54, NOW + 0.54, 0.02) == pytest.approx((0.54, True))


def test_file_trusts_holes_within_its_length_and_nothing_else() -> None:
    line = Timeline(live=False, length=20.0)
    line.place("video", 0.0, NOW, 0.04)
    assert line.place("video", 12.0, NOW, 0.04) == pytest.approx((12.0, True))
    assert line.place("video", 4000.0, NOW, 0.04) == pytest.approx((12.04, True))
    assert line.place("video", 1.0, NOW, 0.04) == pytest.approx((12.08, True))
    assert line.place("video", 1.04, NOW, 0.04) == pytest.approx((12.12, False))
