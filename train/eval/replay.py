"""What a user would have been told of an observed file, under a given calibration, thresholds and alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...engines import Card
from ...stream.calibration import FAKE_AT, REAL_AT, STILL_FAKE_AT, Calibration, sigmoid
from ...stream.config.settings import StreamSettings
from ...stream.faces.quality import judge
from ...stream.scoring.alarm import Alarm
from ...stream.scoring.alarm_settings import AlarmSettings, alarm_settings
from ...stream.scoring.fusion import fuse
from ...stream.scoring.models import Models
from ...stream.scoring.synthetic_scorer import join, synthesis
from ...stream.types import FaceVerdict, Status, Verdict, VoiceVerdict

_NOWHERE = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How logits become words."""

    a: float = 1.0
    b: float = 0.0
    "Platt: probability = sigmoid(a * logit + b)."
    fake_at: float = FAKE_AT
    real_at: float = REAL_AT
    alarm: AlarmSettings = field(default_factory=AlarmSettings)
    voice_alarm: AlarmSettings | None = None
    still: Calibration | None = None
    "Of the model of synthesised faces."

    @classmethod
    def of(cls, models: Models) -> Judgement:
        """Take what the live core takes from the cards."""
        card = models.face_window.card or Card("", "", "")
        said = Calibration.of(card)
        whole = models.still.card if models.still is not None else None
        return cls(
            *(said.a, said.b, *said.thresholds),
            alarm_settings(models.face_window, StreamSettings("")),
            still=None if whole is None else Calibration.of(whole, STILL_FAKE_AT),
        )

    def probability(self, logit: float) -> float:
        return sigmoid(logit, (self.a, self.b))

    def face(self, track: list[Any]) -> FaceVerdict:
        """Judge [id, logit, doubts], or, of a still picture, [id, logit, doubts, logit of being synthesised]."""
        number, logit, doubts, *whole = track
        if logit is None:
            return FaceVerdict(int(number), None, "uncertain", tuple(doubts) or ("too-short",), _NOWHERE)
        fake = self.probability(logit)
        status, reasons = judge(fake, tuple(doubts), self.fake_at, self.real_at)
        verdict = FaceVerdict(int(number), fake, status, reasons, _NOWHERE)
        if self.still is None or not whole or whole[0] is None:
            return verdict
        return join(verdict, synthesis(float(whole[0]), self.still), self.fake_at, self.real_at)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file as a user would have met it."""

    fake: float | None
    "Fused probability of the whole file; None where nothing was scored."
    face: float | None
    "The most suspicious face's."
    voice: float | None
    status: Status
    reasons: tuple[str, ...]
    seconds: float
    "From the first scored moment to the last, s."
    moments: tuple[tuple[float, float, Status], ...]
    "(seconds since the first, probability, status) whenever something was scored."
    alerts: tuple[tuple[float, str], ...]
    "(seconds since the first scored moment, subject) of each alert raised."


def outcome(seen: Mapping[str, Any], judgement: Judgement) -> Outcome:
    """Judge an observation."""
    voice = _voice(seen)
    faces = [judgement.face(track) for track in seen["tracks"]]
    fake, status, reasons = fuse(faces, voice, video=seen["kind"] != "audio")
    verdicts = _verdicts(seen, judgement)
    start = verdicts[0][0].t if verdicts else 0.0
    alarm = Alarm(judgement.alarm, judgement.voice_alarm)
    moments: list[tuple[float, float, Status]] = []
    alerts: list[tuple[float, str]] = []
    for verdict, heard in verdicts:
        if verdict.fake is not None:
            moments.append((verdict.t - start, verdict.fake, verdict.status))
        alerts += [(alert.t - start, alert.subject) for alert in alarm.update(verdict, heard) if alert.raised]
    known = [face.fake for face in faces if face.fake is not None]
    length = verdicts[-1][0].t - start if verdicts else 0.0
    spoken = voice.fake if voice else None
    return Outcome(fake, max(known, default=None), spoken, status, reasons, length, tuple(moments), tuple(alerts))


def _voice(seen: Mapping[str, Any]) -> VoiceVerdict | None:
    if seen["voice"] is None:
        return None
    fake, status, reasons, speech = seen["voice"]
    return VoiceVerdict(float(seen["seconds"] or 0.0), fake, status, tuple(reasons), speech)


def _verdicts(seen: Mapping[str, Any], judgement: Judgement) -> list[tuple[Verdict, VoiceVerdict | None]]:
    """Join faces and voice as the analyzer and the watch loop do: the latest voice counts, until it is too old."""
    voices = [VoiceVerdict(t, fake, status, tuple(why), speech) for t, fake, status, why, speech in seen["voices"]]
    if seen["kind"] == "audio":
        return [(_joined(v.t, (), v, video=False), v) for v in voices]
    out: list[tuple[Verdict, VoiceVerdict | None]] = []
    heard: VoiceVerdict | None = None
    waiting = iter([*voices, None])
    coming = next(waiting)
    for t, tracks in seen["verdicts"]:
        while coming is not None and coming.t <= t:
            heard, coming = coming, next(waiting)
        out.append((_joined(t, tuple(judgement.face(track) for track in tracks), heard, video=True), heard))
    return out


def _joined(t: float, faces: tuple[FaceVerdict, ...], voice: VoiceVerdict | None, *, video: bool) -> Verdict:
    fake, status, reasons = fuse(faces, voice, t=t, video=video)
    return Verdict("", t, fake, status, reasons, voice.fake if voice else None, faces, None)


def without_voice(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the observation as it were without sound."""
    return {**seen, "voice": None, "voices": []}


def with_alarm(judgement: Judgement, raise_at: float, clear_at: float) -> Judgement:
    return replace(judgement, alarm=replace(judgement.alarm, raise_at=raise_at, clear_at=min(raise_at, clear_at)))
