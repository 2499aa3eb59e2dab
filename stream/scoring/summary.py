"""The sum of a file: what `truefeed scan` reports."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..calibration import log_odds, sigmoid
from ..faces.quality import Limits, judge
from ..types import FaceVerdict, Status, VoiceVerdict
from .aggregate import FaceRecord, History
from .face_scorer import FaceScorer
from .fusion import doubtful, fuse
from .synthetic_scorer import Synthesis, join, parts


@dataclass(frozen=True, slots=True)
class Summary:
    """What is thought of one source as a whole."""

    fake: float | None
    "Probability that something in it is made by a machine, 0..1; None only where nothing was scored."
    status: Status
    reasons: tuple[str, ...]
    voice: float | None
    "That the voice is, 0..1; None where no speech was scored."
    faces: tuple[dict[str, Any], ...]
    "One a face: id, fake, status, reasons, first, last (media time, s), frames (scored); of a still more (synthesis)."
    timeline: tuple[dict[str, float], ...]
    "{t, fake} about one a second, of the most suspicious face, or, where there is none, of the voice."


class VoiceRecord:
    """The voice of one source so far.

    Of verdicts that go back to the same second of speech only the last counts: it heard all that those before it heard.
    """

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()
        self._heard = 0
        self._t = 0.0
        self._all, self._history = History(), History()
        self._last: VoiceVerdict | None = None

    def add(self, verdict: VoiceVerdict) -> None:
        self._heard += 1
        self._t = verdict.t
        self._reasons.update(verdict.reasons)
        if verdict.fake is None:
            return
        _remember(self._all, verdict)
        last = self._last
        if last is not None and not _goes_on(last, verdict):
            _remember(self._history, last)
        elif last is not None and doubtful(verdict.reasons) and not doubtful(last.reasons):
            return
        self._last = verdict

    @property
    def scored(self) -> bool:
        """Whether any verdict has a probability."""
        return self._last is not None

    def sum(self, fake_at: float, real_at: float) -> VoiceVerdict | None:
        """Return one verdict over all; None where nothing was heard."""
        if not self._heard:
            return None
        if self._last is None:
            reasons = tuple(reason for reason, _ in self._reasons.most_common(1)) or ("no-speech",)
            return VoiceVerdict(self._t, None, "uncertain", reasons, 0.0)
        history = copy.deepcopy(self._history)
        _remember(history, self._last)
        record = history.faces[0]
        fake = sigmoid(history.logit(0))
        mostly = () if record.rows else tuple(reason for reason, _ in record.reasons.most_common(1))
        status, reasons = judge(fake, mostly, fake_at, real_at)
        return VoiceVerdict(self._t, fake, status, reasons, float(self._all.faces[0].frames))

    def timeline(self) -> tuple[dict[str, float], ...]:
        points = self._all.timeline()
        return tuple({"t": t, "fake": round(sigmoid(logits[0]), 4)} for t, logits in points)


def _goes_on(last: VoiceVerdict, verdict: VoiceVerdict) -> bool:
    """Whether a verdict goes back to the same second of speech as the last; clocks drift by less than half of one."""
    return last.since is not None and verdict.since is not None and abs(verdict.since - last.since) < 0.5


def _remember(history: History, verdict: VoiceVerdict) -> None:
    assert verdict.fake is not None
    weight, reasons = (0.05, verdict.reasons) if doubtful(verdict.reasons) else (1.0, ())
    history.add(verdict.t, 0, log_odds(verdict.fake), weight, reasons)


def summarize(
    history: History,
    scorer: FaceScorer,
    limits: Limits,
    thresholds: tuple[float, float],
    voice: VoiceVerdict | None = None,
    *,
    still: bool = False,
    video: bool = True,
    wholes: Mapping[int, Synthesis] | None = None,
) -> Summary:
    """Sum up.

    Args:
        history: of the faces.
        scorer: that scored them.
        limits: of quality.
        thresholds: least probability of `fake` and greatest of `real`.
        voice: one verdict over the whole sound.
        still: True for a single picture, which is never too short.
        video: False where there was no picture at all.
        wholes: whether the face was synthesised as a whole, for the faces of a still picture that were asked that.
    """
    alone = [
        _face(number, record, scorer.probability(history.logit(number)), limits, thresholds, still)
        for number, record in sorted(history.faces.items())
    ]
    verdicts, faces = [], []
    for face in alone:
        whole = wholes.get(face.id) if wholes else None
        verdicts.append(join(face, whole, *thresholds) if whole else face)
        more = parts(face, whole, verdicts[-1], thresholds[0]) if whole else {}
        faces.append(_line(verdicts[-1], history.faces[face.id]) | more)
    fused, status, reasons = fuse(verdicts, voice, video=video)
    timeline = tuple(
        {"t": t, "fake": round(scorer.probability(max(logits.values())), 4)} for t, logits in history.timeline()
    )
    heard = voice.fake if voice else None
    return Summary(fused, status, reasons, heard, tuple(faces), timeline)


def _face(
    number: int, record: FaceRecord, fake: float, limits: Limits, thresholds: tuple[float, float], still: bool
) -> FaceVerdict:
    doubts = tuple(reason for reason, count in record.reasons.items() if count > record.frames / 2)
    short = record.seconds < limits.min_seconds - 1e-6 or record.rows < limits.min_rows
    if short and not doubts and not still:
        doubts = ("too-short",)
    status, reasons = judge(fake, doubts, *thresholds)
    return FaceVerdict(number, fake, status, reasons, (0.0, 0.0, 0.0, 0.0))


def _line(verdict: FaceVerdict, record: FaceRecord) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "fake": None if verdict.fake is None else round(verdict.fake, 4),
        "status": verdict.status,
        "reasons": list(verdict.reasons),
        "first": round(record.first, 3),
        "last": round(record.last, 3),
        "frames": record.frames,
    }
