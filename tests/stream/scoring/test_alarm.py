"""When an alert is raised and when it is cleared, in media time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.alarm import EARLY_SCORES, HOLD, SUPPORT, Alarm
from truefeed.stream.scoring.alarm_settings import AlarmSettings
from truefeed.stream.scoring.fusion import fuse
from truefeed.stream.types import Alert, FaceVerdict, Status, Verdict, VoiceVerdict

SETTINGS = AlarmSettings()
Score = float | None | tuple[float, str]
"A probability, None for a face that is not there, or a probability with a reason to doubt it."


def status(p: float | None, reasons: Sequence[str]) -> Status:
    if p is None or reasons:
        return "uncertain"
    return "fake" if p >= 0.8 else "real" if p <= 0.4 else "uncertain"


def split(score: Score) -> tuple[float | None, tuple[str, ...]]:
    if isinstance(score, tuple):
        return score[0], (score[1],)
    return score, ("borderline",) if score is not None and 0.4 < score < 0.8 else ()


def verdict(t: float, faces: dict[int, Score], voice: VoiceVerdict | None = None) -> Verdict:
    shown = []
    for number, score in faces.items():
        p, reasons = split(score)
        shown.append(FaceVerdict(number, p, status(p, reasons), reasons, (0, 0, 9, 9)))
    fake, fused, why = fuse(shown, voice, t=t)
    return Verdict("cam", t, fake, fused, why, voice.fake if voice else None, tuple(shown), 0.04)


def heard(t: float, score: Score) -> VoiceVerdict:
    p, reasons = split(score)
    return VoiceVerdict(t, p, status(p, reasons), reasons, 3.0)


def run(
    alarm: Alarm,
    begin: float,
    end: float,
    faces: Callable[[float], dict[int, Score]] | dict[int, Score],
    voice: Callable[[float], Score] | None = None,
    rate: float = 10.0,
) -> list[Alert]:
    """Feed `rate` verdicts a second, and a voice verdict a second; return the alerts."""
    alerts: list[Alert] = []
    latest: VoiceVerdict | None = None
    for t in np.arange(begin, end, 1 / rate).round(3).tolist():
        if voice is not None and (latest is None or t - latest.t >= 1 - 1e-6):
            latest = heard(t, voice(t))
        now = {n: s for n, s in (faces(t) if callable(faces) else faces).items() if s is not None}
        alerts += alarm.update(verdict(t, now, latest), latest)
    return alerts


def told(alerts: list[Alert]) -> list[tuple[bool, str]]:
    return [(alert.raised, alert.subject) for alert in alerts]


def test_a_genuine_stream_says_nothing() -> None:
    assert run(Alarm(), 0, 60, {1: 0.05, 2: 0.2}, lambda t: 0.03) == []


def test_a_manipulated_stretch_is_one_alert_up_and_one_down() -> None:
    alerts = run(Alarm(), 0, 40, lambda t: {1: 0.95 if 10 <= t < 20 else 0.05})
    assert told(alerts) == [(True, "face 1"), (False, "face 1")]
    up, down = alerts
    assert 11 <= up.t <= 12.1  # the median of 2 s has to turn
    assert 23 <= down.t <= 24.6  # the median has to turn, and then stay low for 3 s
    assert up.probability == pytest.approx(0.95)
    assert down.probability == pytest.approx(0.05)
    assert (up.source, up.evidence) == ("cam", None)


def test_a_face_that_is_fake_from_the_start_needs_most_of_the_minimum() -> None:
    (alert,) = run(Alarm(), 0, 5, {1: 0.92})
    assert 1.5 <= alert.t <= 2.1


def test_one_wild_score_is_no_alert() -> None:
    assert run(Alarm(), 0, 20, lambda t: {1: 0.999 if round(t, 1) in (5.0, 9.0, 9.1) else 0.05}) == []


def test_one_low_score_does_not_clear() -> None:
    assert told(run(Alarm(), 0, 20, lambda t: {1: 0.01 if round(t % 2, 1) == 0.5 else 0.95})) == [(True, "face 1")]


def test_jitter_about_the_threshold_is_one_alert() -> None:
    noise = np.random.default_rng(1).normal(0.9, 0.04, 100_000)
    alerts = run(Alarm(), 0, 300, lambda t: {1: float(np.clip(noise[round(t * 10)], 0, 1))})
    assert told(alerts) == [(True, "face 1")]


def test_between_clear_at_and_raise_at_nothing_changes() -> None:
    assert run(Alarm(), 0, 30, {1: 0.85}) == []
    alarm = Alarm()
    alerts = run(alarm, 0, 60, lambda t: {1: 0.95 if t < 5 else 0.7})
    assert told(alerts) == [(True, "face 1")]
    assert alarm.raised == ("face 1",)


def test_overwhelming_evidence_fires_early() -> None:
    (alert,) = run(Alarm(), 0, 1.4, {1: 0.995})
    assert 0.6 <= alert.t <= 0.7
    assert run(Alarm(), 0, 1.4, {1: 0.95}) == []


def test_overwhelming_evidence_must_hold() -> None:
    assert run(Alarm(), 0, 30, lambda t: {1: 0.999 if t % 3 < 0.5 else 0.05}) == []


def test_early_never_undercuts_a_higher_raise_at() -> None:
    strict = AlarmSettings(raise_at=0.995)
    assert run(Alarm(strict), 0, 20, {1: 0.99}) == []


def test_doubtful_scores_never_raise() -> None:
    assert run(Alarm(), 0, 60, {1: (0.99, "blurred"), 2: (0.97, "face-too-small")}) == []
    assert run(Alarm(), 0, 60, {1: (0.99, "too-short")}, lambda t: (0.99, "noise")) == []


def test_a_lowered_raise_at_counts_for_borderline_scores_too() -> None:
    alerts = run(Alarm(AlarmSettings(raise_at=0.5, clear_at=0.3)), 0, 30, {1: 0.7})
    assert [(alert.raised, alert.subject) for alert in alerts] == [(True, "face 1")]


def test_doubtful_scores_do_not_clear_at_once() -> None:
    alerts = run(Alarm(), 0, 40, lambda t: {1: 0.95 if t < 5 else (0.05, "blurred")})
    assert told(alerts) == [(True, "face 1"), (False, "face 1")]
    assert alerts[1].t == pytest.approx(5 + SETTINGS.forget_after, abs=0.3)


def test_a_little_evidence_among_doubt_is_too_little() -> None:
    # A quarter of the time the face is sharp and looks fake: less than SUPPORT of any two seconds.
    assert run(Alarm(), 0, 60, lambda t: {1: 0.95 if t % 2 < 0.5 else (0.95, "blurred")}) == []


def test_the_same_subject_stays_quiet_for_the_cool_down() -> None:
    alerts = run(Alarm(), 0, 60, lambda t: {1: 0.95 if t % 10 < 4 else 0.05})
    ups = [a.t for a in alerts if a.raised]
    downs = [a.t for a in alerts if not a.raised]
    assert len(ups) >= 2
    assert all(up - down >= SETTINGS.cool_down - 1e-6 for down, up in zip(downs, ups[1:], strict=False))
    assert {a.subject for a in alerts} == {"face 1"}


def test_two_faces_are_told_apart() -> None:
    alerts = run(Alarm(), 0, 30, lambda t: {1: 0.95 if t > 5 else 0.1, 2: 0.05, 3: 0.97 if t > 12 else 0.1})
    assert told(alerts) == [(True, "face 1"), (True, "face 3")]


def test_a_face_that_leaves_is_cleared_after_a_time() -> None:
    alarm = Alarm()
    alerts = run(alarm, 0, 20, lambda t: {1: 0.95 if t < 5 else None})
    assert told(alerts) == [(True, "face 1"), (False, "face 1")]
    assert alerts[1].t == pytest.approx(5 + SETTINGS.gone_after, abs=0.3)
    assert alarm.raised == ()


def test_a_face_that_is_covered_for_a_moment_is_not_cleared() -> None:
    assert told(run(Alarm(), 0, 20, lambda t: {1: None if 6 < t < 8 else 0.95})) == [(True, "face 1")]


def test_a_face_that_comes_back_keeps_its_cool_down() -> None:
    alerts = run(Alarm(), 0, 18, lambda t: {1: None if 4 <= t < 8 else 0.95})
    assert told(alerts) == [(True, "face 1"), (False, "face 1"), (True, "face 1")]
    assert alerts[2].t - alerts[1].t >= SETTINGS.cool_down - 1e-6


def test_faces_that_are_gone_are_forgotten() -> None:
    alarm = Alarm()
    run(alarm, 0, 200, lambda t: {int(t): 0.1})
    assert len(alarm._subjects) < 20


def test_the_voice_is_a_subject_of_its_own() -> None:
    alerts = run(Alarm(), 0, 40, {1: 0.05}, lambda t: 0.96 if 10 <= t < 20 else 0.04)
    assert told(alerts) == [(True, "voice"), (False, "voice")]
    assert 11 <= alerts[0].t <= 14


def test_the_voice_may_have_its_own_thresholds() -> None:
    alarm = Alarm(SETTINGS, AlarmSettings(raise_at=0.99))
    assert run(alarm, 0, 20, {1: 0.05}, lambda t: 0.96) == []


def test_voice_and_face_at_once_are_two_alerts_and_no_third() -> None:
    alerts = run(Alarm(), 0, 60, lambda t: {1: 0.95 if 10 <= t < 25 else 0.05}, lambda t: 0.96 if 10 <= t < 25 else 0.1)
    assert sorted(told(alerts), reverse=True) == [
        (True, "voice"),
        (True, "face 1"),
        (False, "voice"),
        (False, "face 1"),
    ]


def test_a_voice_heard_once_is_counted_once() -> None:
    # The same voice verdict joins many frames: it must not count as many.
    alarm, said = Alarm(), heard(0.0, 0.999)
    for i in range(30):
        assert alarm.update(verdict(i / 30, {1: 0.05}, said), said) == []


def test_the_stream_speaks_where_only_both_together_convict() -> None:
    alarm = Alarm()
    alerts = run(alarm, 0, 20, {1: 0.85}, lambda t: 0.85)
    assert told(alerts) == [(True, "stream")]
    odds = 0.85 / 0.15
    both = (2 * odds + odds**2) / 3  # as fused: the face, the voice or both, against none
    assert alerts[0].probability == pytest.approx(both / (1 + both), abs=0.005)
    assert told(run(alarm, 20, 40, {1: 0.05}, lambda t: 0.05)) == [(False, "stream")]


def test_the_stream_speaks_where_tracks_break_too_often_to_be_named() -> None:
    alerts = run(Alarm(), 0, 12, lambda t: {int(t / 1.2): 0.93})
    assert told(alerts) == [(True, "stream")]


@pytest.mark.parametrize("enters", [0.0, 20.0])
def test_the_stream_does_not_repeat_a_face(enters: float) -> None:
    faces = lambda t: {1: 0.05, 2: 0.95 if t >= enters else None}  # noqa: E731
    alerts = run(Alarm(), 0, 60, lambda t: faces(t) if t < 40 else {1: 0.05}, lambda t: 0.1)
    assert told(alerts) == [(True, "face 2"), (False, "face 2")]


def test_a_gap_is_not_evidence() -> None:
    # Two fake scores, 100 s apart: neither stands for the time between.
    alarm = Alarm()
    assert alarm.update(verdict(0.0, {1: 0.95})) == []
    assert alarm.update(verdict(100.0, {1: 0.95})) == []


def test_one_score_a_second_is_enough() -> None:
    alerts = run(Alarm(), 0, 60, lambda t: {1: 0.95 if 20 <= t < 40 else 0.05}, rate=1.0)
    assert told(alerts) == [(True, "face 1"), (False, "face 1")]
    assert alerts[0].t <= 23


def test_scores_count_by_time_and_not_by_number() -> None:
    # Half a second at 100 scores/s against a second and a half at 4.
    times = [*np.arange(0, 6, 0.25), *np.arange(6.25, 6.75, 0.01)]
    alarm = Alarm()
    alerts = [a for t in times for a in alarm.update(verdict(float(t), {1: 0.95 if t >= 6.25 else 0.05}))]
    assert alerts == []


def test_a_reset_forgets_the_history() -> None:
    alarm = Alarm()
    assert run(alarm, 0, 1.4, {1: 0.95}) == []
    alarm.reset(50.0)
    alerts = run(alarm, 50, 51.4, {1: 0.95})
    assert alerts == []


def test_an_alert_outlives_a_reset_and_is_confirmed_or_cleared() -> None:
    alarm = Alarm()
    assert told(run(alarm, 100, 105, {1: 0.95})) == [(True, "face 1")]
    alarm.reset(3.0)  # the time stamps started anew
    assert run(alarm, 3, 8, {1: 0.95}) == []
    alarm.reset(0.0)
    alerts = run(alarm, 0, 10, {2: 0.05})
    assert told(alerts) == [(False, "face 1")]
    assert alerts[0].t == pytest.approx(SETTINGS.gone_after, abs=0.3)


def test_media_time_that_goes_back_is_a_reset() -> None:
    alarm = Alarm()
    run(alarm, 1000, 1005, {1: 0.05})
    assert told(run(alarm, 0, 5, {1: 0.95})) == [(True, "face 1")]


def test_a_cool_down_does_not_last_longer_when_time_goes_back() -> None:
    alarm = Alarm()
    run(alarm, 1000, 1020, lambda t: {1: 0.95 if t < 1005 else 0.05})
    assert told(run(alarm, 0, 15, {1: 0.95})) == [(True, "face 1")]


def test_updates_without_anything_known() -> None:
    alarm = Alarm()
    nothing = Verdict("cam", 0.0, None, "uncertain", ("no-face",), None, (), None)
    assert [alarm.update(replace(nothing, t=float(t))) for t in range(30)] == [[]] * 30


@pytest.mark.parametrize(
    "wrong",
    [
        {"raise_at": 0.5, "clear_at": 0.6},
        {"raise_at": 1.2},
        {"clear_at": -0.1},
        {"minimum": -1.0},
        {"cool_down": float("nan")},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        AlarmSettings(**wrong)


def test_the_document_has_the_alarms_own_figures() -> None:
    told = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
    own = AlarmSettings()
    for phrase in (
        f"the median probability of the last {own.minimum:g} s",
        f"over {own.early_for:g} s or more, are overwhelming: {own.early_at:g}",
        f"`--clear-at` for {own.clear_after:g} s of scores; or the face or voice was gone for {own.gone_after:g} s",
        f"doubtful scores for {own.forget_after:g} s",
        f"for {own.cool_down:g} s after it was cleared",
        f"until the next one and {HOLD:g} s at most",
        f"three quarters of the {own.minimum:g} s",
        f"It looks at {2 * own.minimum:g} s",
        f"for {own.cool_down + 2 * own.minimum:g} s after any was cleared",
    ):
        assert phrase in " ".join(told.split()), phrase
    assert (SUPPORT, EARLY_SCORES) == (0.75, 3)


def test_the_end_of_a_source_clears_what_stands() -> None:
    alarm = Alarm()
    run(alarm, 0, 5, {1: 0.95, 2: 0.05})
    (alert,) = alarm.end("cam", "the source has ended")
    assert (alert.raised, alert.subject, alert.detail, alert.t) == (False, "face 1", "the source has ended", 4.9)
    assert alarm.raised == ()
    assert alarm.end("cam", "the source has ended") == []


def test_an_alert_of_a_face_that_left_says_so() -> None:
    alerts = run(Alarm(), 0, 12, lambda t: {1: 0.95 if t < 5 else None, 2: 0.05})
    assert [(alert.raised, alert.detail) for alert in alerts] == [(True, ""), (False, "not seen any more")]
