"""What the faces and the voice say together."""

from __future__ import annotations

import pytest
from truefeed.stream.scoring.fusion import VOICE_AGE, fuse
from truefeed.stream.types import FaceVerdict, Status, VoiceVerdict


def face(fake: float | None, status: Status, *reasons: str, number: int = 1) -> FaceVerdict:
    return FaceVerdict(number, fake, status, reasons, (0.0, 0.0, 9.0, 9.0))


def voice(fake: float | None, status: Status, *reasons: str, t: float = 0.0) -> VoiceVerdict:
    return VoiceVerdict(t, fake, status, reasons, 4.0)


def test_one_subject_is_taken_as_it_is() -> None:
    assert fuse([face(0.93, "fake")], None) == (pytest.approx(0.93), "fake", ())
    assert fuse([face(0.07, "real")], None) == (pytest.approx(0.07), "real", ())
    assert fuse([], voice(0.04, "real"), video=False) == (pytest.approx(0.04), "real", ())


def test_nothing_seen_and_nothing_heard_is_not_known() -> None:
    assert fuse([], None) == (None, "uncertain", ("no-face",))
    assert fuse([], None, video=False) == (None, "uncertain", ("too-short",))
    assert fuse([], voice(None, "uncertain", "no-speech")) == (None, "uncertain", ("no-face", "no-speech"))
    assert fuse([], voice(None, "uncertain", "music"), video=False) == (None, "uncertain", ("music",))


def test_a_genuine_voice_does_not_excuse_a_swapped_face() -> None:
    alone, status, _ = fuse([face(0.93, "fake")], None)
    both, both_status, reasons = fuse([face(0.93, "fake")], voice(0.001, "real"))
    assert (both, both_status, reasons) == (alone, status, ())


def test_a_genuine_face_does_not_excuse_another() -> None:
    faces = [face(0.95, "fake", number=1), *(face(0.01, "real", number=n) for n in range(2, 8))]
    assert fuse(faces, None) == (pytest.approx(0.95), "fake", ())


def test_suspicions_add_up() -> None:
    fake, status, _ = fuse([face(0.85, "fake")], voice(0.85, "fake"))
    odds = 0.85 / 0.15
    assert fake == pytest.approx(1 / (1 + 3 / (2 * odds + odds**2)))  # the face, the voice or both, against none
    assert status == "fake"


def test_a_second_face_is_not_a_second_witness() -> None:
    # The same model, picture and codec err alike on both.
    assert fuse([face(0.8, "fake"), face(0.8, "fake", number=2)], None)[0] == pytest.approx(0.8)


def test_more_suspicion_never_means_less() -> None:
    grid = [i / 20 for i in range(21)]
    for p in grid:
        values = [fuse([face(p, "real")], voice(q, "real"))[0] for q in grid]
        known = [value for value in values if value is not None]
        assert len(known) == len(grid)
        assert known == sorted(known)


def test_a_voice_that_says_nothing_leaves_a_genuine_face_genuine() -> None:
    fake, status, reasons = fuse([face(0.1, "real")], voice(0.5, "uncertain", "borderline"))
    assert fake is not None
    assert 0.1 < fake < 0.4
    assert (status, reasons) == ("real", ())


def test_a_doubtful_voice_makes_no_suspicion_beside_a_face() -> None:
    sure = fuse([face(0.1, "real")], voice(0.5, "uncertain", "too-short"))
    assert fuse([face(0.1, "real")], voice(0.9, "uncertain", "too-short")) == sure


def test_doubtful_suspicion_counts_less_and_never_makes_one() -> None:
    clear = fuse([face(0.9, "uncertain", "borderline")], None)[0]
    doubtful = fuse([face(0.9, "uncertain", "blurred")], None)[0]
    assert clear == pytest.approx(0.9)
    assert doubtful == pytest.approx(0.75)  # odds of 9 become 3
    assert fuse([face(0.1, "uncertain", "blurred")], None)[0] == pytest.approx(0.1)


def test_an_uncertain_suspicious_subject_keeps_the_stream_from_being_real() -> None:
    faces = [face(0.02, "real"), face(0.7, "uncertain", "blurred", number=2)]
    assert fuse(faces, None)[1:] == ("uncertain", ("blurred",))
    harmless = [face(0.02, "real"), face(0.2, "uncertain", "face-too-small", number=2)]
    assert fuse(harmless, None)[1:] == ("real", ())


@pytest.mark.parametrize("heard", [None, voice(None, "uncertain", "no-speech"), voice(0.2, "uncertain", "noise")])
def test_a_missing_or_unclear_voice_leaves_a_good_face_real(heard: VoiceVerdict | None) -> None:
    assert fuse([face(0.05, "real")], heard)[1:] == ("real", ())


def test_reasons_are_named_once() -> None:
    faces = [face(None, "uncertain", "too-short"), face(0.6, "uncertain", "too-short", "blurred", number=2)]
    assert fuse(faces, voice(None, "uncertain", "no-speech"))[1:] == (
        "uncertain",
        ("too-short", "blurred", "no-speech"),
    )


def test_an_old_voice_says_nothing_about_now() -> None:
    old = voice(0.99, "fake", t=10.0)
    assert fuse([face(0.05, "real")], old, t=10.0 + VOICE_AGE)[1] == "fake"
    assert fuse([face(0.05, "real")], old, t=10.1 + VOICE_AGE) == (pytest.approx(0.05), "real", ())


def test_certainty_of_the_model_stays_a_probability() -> None:
    for p in (0.0, 1.0):
        fused = fuse([face(p, "real")], voice(p, "real"))[0]
        assert fused == pytest.approx(p, abs=1e-5)
