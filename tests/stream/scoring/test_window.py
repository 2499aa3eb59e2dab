from __future__ import annotations

import math

import numpy as np
import pytest
from truefeed.stream.faces.quality import Limits
from truefeed.stream.scoring.aggregate import History
from truefeed.stream.scoring.sampling import Schedule
from truefeed.stream.scoring.smoothing import Smoothing
from truefeed.stream.scoring.window import FaceWindow, pack
from truefeed.stream.types import Floats, Window


def row(value: float) -> Floats:
    return np.array([value, -value], np.float32)


def filled(*times: float, seconds: float = 4.0, rows: int = 64) -> Window:
    window = FaceWindow(seconds, rows)
    for t in times:
        window.push(t, row(t))
    return window.window()


def test_a_window_covers_its_seconds_whatever_the_rate() -> None:
    assert filled(*np.arange(0, 10, 0.5)).times.tolist() == [5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5]
    assert len(filled(*np.arange(0, 10, 0.1)).times) == 41


def test_a_window_holds_at_most_its_rows() -> None:
    window = filled(*np.arange(0, 4, 0.01), rows=64)
    assert len(window.times) == 64
    assert window.times[-1] == pytest.approx(3.99)
    assert window.rows[:, 0] == pytest.approx(window.times)


def test_a_gap_or_a_step_back_starts_the_window_anew() -> None:
    assert filled(0, 0.5, 1.0, 3.0, 3.5).times.tolist() == [3.0, 3.5]
    assert filled(5.0, 5.5, 1.0).times.tolist() == [1.0]


def test_poor_rows_count_only_where_there_is_nothing_better() -> None:
    window = FaceWindow(4.0, 64)
    window.push(0.0, row(0), good=False)
    window.push(0.1, row(1), good=False)
    assert window.window().times.tolist() == [0.0, 0.1]
    window.push(0.2, row(2))
    window.push(0.3, row(3), good=False)
    assert window.window().times.tolist() == [0.2]


def test_pack_aligns_right_with_ages_and_mask() -> None:
    packed = pack([filled(1.0, 1.5, 2.25), filled(7.0)], 5)
    assert {name: array.shape for name, array in packed.items()} == {"rows": (2, 5, 2), "ages": (2, 5), "mask": (2, 5)}
    assert all(array.dtype == np.float32 for array in packed.values())
    assert packed["mask"].tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 0, 1]]
    assert packed["ages"].tolist() == [[0, 0, 1.25, 0.75, 0], [0, 0, 0, 0, 0]]
    assert packed["rows"][0, :, 0].tolist() == [0, 0, 1.0, 1.5, 2.25]
    assert packed["rows"][1, -1].tolist() == [7.0, -7.0]


def test_pack_keeps_the_newest_rows_of_a_window_that_is_too_long() -> None:
    assert pack([filled(0.0, 0.1, 0.2)], 2)["rows"][0, :, 0] == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    ("fps", "least", "most"), [(60, 15, 16.5), (30, 15, 16.5), (25, 15, 16.5), (15, 15, 15), (5, 5, 5)]
)
def test_schedule_scores_at_its_rate_and_a_slow_stream_whole(fps: float, least: float, most: float) -> None:
    schedule = Schedule(16.0)
    scored = sum(schedule.due(i / fps) for i in range(int(fps * 20)))
    assert least * 20 <= scored <= most * 20 + 1


def test_schedule_does_not_catch_up_after_a_hole() -> None:
    schedule = Schedule(10.0)
    assert schedule.due(0.0)
    assert [schedule.due(t) for t in (5.0, 5.02, 5.04, 5.11)] == [True, False, False, True]
    schedule.reset()
    assert schedule.due(0.0)


def test_belief_is_the_mean_and_long_evidence_outlives_one_wild_frame() -> None:
    belief = Smoothing()
    assert belief.logit is None
    for step in range(160):
        belief.add(step / 16, -2.0 if step % 2 else -4.0)
    assert belief.logit == pytest.approx(-3.0, abs=0.1)
    belief.add(10.0, 50.0)
    assert belief.logit is not None
    assert belief.logit < -1.0  # a sixteenth of a second out of two


def test_belief_turns_within_the_time_its_memory_says() -> None:
    belief = Smoothing(memory=4.0)
    for step in range(320):
        belief.add(step / 16, -4.0)
    turned = next(step for step in range(320) if (belief.add(20 + step / 16, 4.0), belief.logit or 0)[1] > 0)
    assert turned / 16 == pytest.approx(4 * math.log(2), abs=0.2)


def test_belief_does_not_depend_on_the_frame_rate() -> None:
    beliefs = []
    for rate in (8, 16):
        belief = Smoothing()
        for step in range(10 * rate):
            belief.add(step / rate, math.sin(step / rate))
        beliefs.append(belief.logit)
    assert beliefs[0] == pytest.approx(beliefs[1], abs=0.05)


def test_belief_says_too_short_until_there_is_enough() -> None:
    belief, limits = Smoothing(), Limits()
    told = []
    for step in range(32):
        belief.add(step / 16, 1.0)
        told.append(belief.reasons(limits))
    assert told[15] == ("too-short",)
    assert told[16] == ()


def test_poor_frames_weigh_little_and_their_reason_is_told_while_it_lasts() -> None:
    belief, limits = Smoothing(), Limits()
    for step in range(32):
        belief.add(step / 16, -3.0)
    for step in range(32, 36):
        belief.add(step / 16, 9.0, ("blurred",))
    assert belief.reasons(limits) == ()
    assert belief.logit is not None
    assert belief.logit < -2.5
    for step in range(36, 64):
        belief.add(step / 16, 9.0, ("blurred",))
    assert belief.reasons(limits) == ("blurred",)
    for step in range(64, 96):
        belief.add(step / 16, -3.0)
    assert belief.reasons(limits) == ()


def test_belief_of_poor_frames_only_still_has_a_score() -> None:
    belief = Smoothing()
    for step in range(32):
        belief.add(step / 16, 2.0, ("face-too-small",))
    assert belief.logit == pytest.approx(2.0)
    assert belief.reasons(Limits()) == ("face-too-small",)


def history(logits: list[float], step: float = 1 / 16) -> History:
    kept = History()
    for i, logit in enumerate(logits):
        kept.add(i * step, 1, logit, 1.0, ())
    return kept


def test_history_of_a_short_clip_is_its_mean() -> None:
    assert history([1.0, 3.0] * 80).logit(1) == pytest.approx(2.0)


def test_history_shows_a_manipulation_of_a_part() -> None:
    genuine, swapped = [-3.0] * 16 * 30, [3.0] * 16 * 12
    assert history(genuine + swapped + genuine).logit(1) > 2.5
    assert history([*genuine, 50.0, *genuine]).logit(1) < -1.5


def test_history_is_bounded_over_hours_and_over_many_faces() -> None:
    long = history([1.0] * 30000, step=1.0)
    assert len(long.faces[1].cells) <= 4096
    assert long.width == 8
    assert long.logit(1) == pytest.approx(1.0)
    assert (long.faces[1].first, long.faces[1].last, long.faces[1].frames) == (0, 29999, 30000)
    many = History()
    for face in range(2000):
        many.add(float(face), face, 0.0, 1.0, ())
    assert len(many.faces) <= 256
    assert 1999 in many.faces


def test_timeline_has_a_point_a_second_where_a_face_was() -> None:
    kept = History()
    for t in (0.1, 0.9, 1.5, 7.2):
        kept.add(t, 1, t, 1.0, ())
    kept.add(1.6, 2, 9.0, 1.0, ())
    assert kept.timeline() == [(0.0, {1: pytest.approx(0.5)}), (1.0, {1: 1.5, 2: 9.0}), (7.0, {1: 7.2})]
