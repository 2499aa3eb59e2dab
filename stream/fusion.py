"""What the faces and the voice say together.

The question is whether *anything* in the stream is made by a machine, and a swapped face with the person's own voice is
the usual case. So a genuine voice is no evidence for a face, and none may dilute another's suspicion. In log-odds, with
l the log-odds of a calibrated probability:

    fused = max(face, voice) + max(0, min(face, voice))        where face = max over the faces

- The most suspicious face stands for all faces: a second, genuine one does not make the first better.
- Where face and voice are both above one half, their log-odds add, as independent evidence for one cause does (Bayes'
  rule with even prior odds). Where one is below, it adds nothing and takes nothing away.
- Doubtful evidence (any reason but `borderline`) has its suspicion halved: l > 0 counts as l / 2. Below one half it is
  left as it is: doubt may weaken a suspicion and never makes one.
- What is absent takes no part, so a stream without sound is judged as well as one with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .values import FaceVerdict, Status, VoiceVerdict

VOICE_AGE = 4.0
"A voice verdict older than this says nothing about now, s of media time."
SUSPICIOUS = 0.5
"An uncertain subject at or above this probability keeps the stream from being called real."
DOUBT = 0.5
"Factor on the log-odds of doubtful evidence that points to a fake."
BORDERLINE = "borderline"
_LIMIT = 1e-6  # a model that says 0 or 1 has run out of digits, not out of doubt


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
        is `uncertain`, the reasons. `fake` where any subject is; `real` where at least one subject is and no uncertain
        one is as likely fake as not.
    """
    if voice is not None and t is not None and t - voice.t > VOICE_AGE:
        voice = None
    subjects: list[FaceVerdict | VoiceVerdict] = [*faces, *([voice] if voice else [])]
    face = max((s for s in map(_evidence, faces) if s is not None), default=None)
    heard = _evidence(voice) if voice else None
    status, reasons = _status(subjects, no_face=video and not faces)
    return _combine(face, heard), status, reasons


def doubtful(reasons: Sequence[str]) -> bool:
    """Tell whether the reasons question the evidence itself, rather than only say that it is in the middle."""
    return any(reason != BORDERLINE for reason in reasons)


def _evidence(subject: FaceVerdict | VoiceVerdict) -> float | None:
    if subject.fake is None or math.isnan(subject.fake):
        return None
    p = min(max(subject.fake, _LIMIT), 1 - _LIMIT)
    odds = math.log(p / (1 - p))
    return odds * DOUBT if odds > 0 and doubtful(subject.reasons) else odds


def _combine(face: float | None, voice: float | None) -> float | None:
    known = [odds for odds in (face, voice) if odds is not None]
    if not known:
        return None
    odds = max(known) + (max(0.0, min(known)) if len(known) == 2 else 0.0)
    return 1 / (1 + math.exp(-odds))


def _status(subjects: Sequence[FaceVerdict | VoiceVerdict], *, no_face: bool) -> tuple[Status, tuple[str, ...]]:
    if any(subject.status == "fake" for subject in subjects):
        return "fake", ()
    unsure = [s for s in subjects if s.status == "uncertain"]
    suspicious = [s for s in unsure if s.fake is not None and s.fake >= SUSPICIOUS]
    judged = any(s.status == "real" for s in subjects)
    if judged and not suspicious:
        return "real", ()
    reasons = [reason for s in (suspicious if judged else unsure) for reason in s.reasons]
    if no_face and not judged:
        reasons.insert(0, "no-face")
    return "uncertain", tuple(dict.fromkeys(reasons)) or (BORDERLINE,)
