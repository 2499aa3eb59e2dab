"""What the faces and the voice say together.

The question is whether *anything* in the stream is made by a machine: the face, the voice or both. A calibrated
probability p from even odds is a likelihood ratio r = p / (1 - p), and Bayes' rule for "one of the three, each as
likely, against none" gives

    fused ratio = (face + voice + face * voice) / 3        where face = max over the faces

- The most suspicious face stands for all faces: a second, genuine one does not make the first better.
- Suspicion on both sides multiplies, as independent evidence does. A genuine voice takes a little from a face that is
  merely suspected, and nothing from one that is called fake: the person's own voice over a swapped face is the usual
  case.
- A voice that says nothing (r = 1) leaves a genuine face genuine.
- Doubtful evidence (any reason but `borderline`) makes no suspicion beside evidence that is not: a doubtful face does
  not speak beside a clear one, a doubtful voice's r > 1 counts as 1. Alone, its log-odds are halved.
- What is absent takes no part, so a stream without sound is judged as well as one with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..calibration import log_odds
from ..types import FaceVerdict, Status, VoiceVerdict

VOICE_AGE = 4.0
"A voice verdict older than this says nothing about now, s of media time."
SUSPICIOUS = 0.5
"A stream whose fused probability, or any of whose faces, is at or above this is not called real."
DOUBT = 0.5
"Factor on the log-odds of doubtful evidence that points to a fake and stands alone."
BORDERLINE = "borderline"


def fuse(
    faces: Sequence[FaceVerdict],
    voice: VoiceVerdict | None,
    *,
    t: float | None = None,
    video: bool = True,
) -> tuple[float | None, Status, tuple[str, ...]]:
    """Judge a stream by its faces and its voice at one moment.

    Args:
        faces: those in the picture; may be empty.
        voice: the latest voice verdict; None where there is no sound, or nothing that scores it.
        t: media time of now, s; where given, a voice verdict older than VOICE_AGE is left out.
        video: False for a source that has no picture, which then needs no `no-face`.

    Returns:
        The probability that something is made by a machine (None where nothing was scored), the status and, where that
        is `uncertain`, the reasons. `fake` where any subject is; `real` where at least one subject is, and all
        together are less likely fake than not.
    """
    if voice is not None and t is not None and t - voice.t > VOICE_AGE:
        voice = None
    subjects: list[FaceVerdict | VoiceVerdict] = [*faces, *([voice] if voice else [])]
    fake = _combine(_worst(faces), voice)
    status, reasons = _status(subjects, fake, no_face=video and not faces)
    return fake, status, reasons


def doubtful(reasons: Sequence[str]) -> bool:
    """Tell whether the reasons question the evidence itself, rather than only say that it is in the middle."""
    return any(reason != BORDERLINE for reason in reasons)


def _known(subject: FaceVerdict | VoiceVerdict | None) -> bool:
    return subject is not None and subject.fake is not None and not math.isnan(subject.fake)


def _worst(faces: Sequence[FaceVerdict]) -> FaceVerdict | None:
    """The most suspicious face of those without doubt, or, where there is none, of all."""
    known = [face for face in faces if _known(face)]
    clear = [face for face in known if not doubtful(face.reasons)]
    return max(clear or known, key=lambda face: _odds(face, alone=True), default=None)


def _odds(subject: FaceVerdict | VoiceVerdict, *, alone: bool) -> float:
    """The log-odds that a subject brings: alone, or beside others."""
    assert subject.fake is not None
    odds = log_odds(subject.fake)
    if odds > 0 and doubtful(subject.reasons):
        return odds * DOUBT if alone else 0.0
    return odds


def _combine(face: FaceVerdict | None, voice: VoiceVerdict | None) -> float | None:
    known = [subject for subject in (face, voice) if subject is not None and _known(subject)]
    if not known:
        return None
    ratios = [math.exp(_odds(subject, alone=len(known) == 1)) for subject in known]
    ratio = (sum(ratios) + math.prod(ratios)) / 3 if len(ratios) == 2 else ratios[0]
    ratio = max([ratio, *(r for r, subject in zip(ratios, known, strict=True) if subject.status == "fake")])
    return ratio / (1 + ratio)


def _status(
    subjects: Sequence[FaceVerdict | VoiceVerdict], fake: float | None, *, no_face: bool
) -> tuple[Status, tuple[str, ...]]:
    if any(subject.status == "fake" for subject in subjects):
        return "fake", ()
    unsure = [s for s in subjects if s.status == "uncertain"]
    judged = any(s.status == "real" for s in subjects)
    unclear = any(_known(s) and (s.fake or 0.0) >= SUSPICIOUS for s in unsure if isinstance(s, FaceVerdict))
    if judged and not unclear and fake is not None and fake < SUSPICIOUS:
        return "real", ()
    reasons = [reason for s in unsure for reason in s.reasons]
    if no_face and not judged:
        reasons.insert(0, "no-face")
    # A sound that ended before there was anything to say of it.
    nothing = BORDERLINE if subjects else "too-short"
    return "uncertain", tuple(dict.fromkeys(reasons)) or (nothing,)
