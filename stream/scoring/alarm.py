"""When to tell somebody: verdicts in, alerts out, in seconds of media time.

Every face, the voice and the stream as a whole is a subject with a short history. What decides is the weighted median
of the last `minimum` seconds, each score weighted by the time that it stood: one wild score moves it no more than any
other. A score whose verdict is doubtful (blurred, too small, no speech...) is not evidence: it neither raises nor
clears, and leaves a hole.

A subject is raised when its median is at or above `raise_at`, and scores cover SUPPORT of the window: `raise_at`
decides alone, so that whoever lowers it under the model's own threshold is heard. It is raised early when the
evidence is overwhelming: at least EARLY_SCORES scores over `early_for` seconds or more, every one at or above
`early_at`. It is cleared when the median was under `clear_at` for `clear_after` seconds, when it was not seen for
`gone_after` seconds (a face that left), or gave no evidence for `forget_after` seconds. After that it cannot be
raised again for `cool_down` seconds.

`stream` speaks only where nobody else does. Whoever reads an alert wants to know who is fake, and once; so the stream's
own alert stands for what no single subject shows: a face and a voice that convict each other only together, or a face
whose track breaks too often to be named. It has twice the others' `minimum` and the stricter `raise_at` of face and
voice, never fires early, and keeps still while a face or the voice is raised and until some seconds after their
`cool_down`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from ..types import Alert, Verdict, VoiceVerdict
from .alarm_settings import AlarmSettings
from .fusion import doubtful

SUPPORT = 0.75
"Part of the window that scores must cover before its median says anything."
HOLD = 1.5
"A score stands until the next one, and no longer than this, s."
EARLY_SCORES = 3
"Scores that an early alert needs at least."


class Alarm:
    """The alarm of one source. Not thread-safe."""

    def __init__(self, settings: AlarmSettings | None = None, voice: AlarmSettings | None = None) -> None:
        """Take the settings of the faces and the stream, and those of the voice where they differ."""
        self.settings = settings or AlarmSettings()
        self._voice_settings = voice or self.settings
        # What one subject alone may not say, the stream may not say for it.
        strict = max(self.settings.raise_at, self._voice_settings.raise_at)
        self._stream_settings = replace(self.settings, raise_at=strict, minimum=2 * self.settings.minimum)
        self._subjects: dict[str, _Subject] = {}
        self._t: float | None = None
        self._heard: VoiceVerdict | None = None
        self._quiet_until = float("-inf")

    @property
    def raised(self) -> tuple[str, ...]:
        """The subjects whose alerts stand, in the order in which they were first seen."""
        return tuple(name for name, subject in self._subjects.items() if subject.raised)

    def reset(self, t: float) -> None:
        """Forget the history: media time jumped to t, s. Alerts that stand are confirmed anew or cleared in time."""
        for subject in self._subjects.values():
            subject.reset(t)
        self._quiet_until = min(self._quiet_until, t + self.settings.cool_down + self._stream_settings.minimum)
        self._t = t

    def update(self, verdict: Verdict, voice: VoiceVerdict | None = None) -> list[Alert]:
        """Take the next verdict of the source, and the latest of its voice, which counts once; return what changed."""
        t = verdict.t
        if self._t is not None and t < self._t:
            self.reset(t)
        self._t = t
        alerts: list[Alert] = []
        for face in verdict.faces:
            name = f"face {face.id}"
            self._judge(name, self.settings, _Score(t, face.fake, face.reasons), verdict, alerts)
        if voice is not None and voice != self._heard:
            self._heard = voice
            score = _Score(t, voice.fake, voice.reasons)
            self._judge("voice", self._voice_settings, score, verdict, alerts)
        self._expire(verdict, alerts)
        self._judge_stream(verdict, alerts)
        return alerts

    def end(self, source: str, why: str) -> list[Alert]:
        """Clear what stands, as the source has ended: nothing will come that could; why goes into the alerts."""
        alerts = []
        for name, subject in self._subjects.items():
            if subject.raised and self._t is not None:
                subject.clear(self._t)
                alerts.append(Alert(source, False, name, subject.probability, self._t, detail=why))
        return alerts

    def _judge(self, name: str, settings: AlarmSettings, score: _Score, verdict: Verdict, alerts: list[Alert]) -> None:
        subject = self._subjects.setdefault(name, _Subject(settings))
        self._note(name, subject, subject.add(score), verdict, alerts)

    def _judge_stream(self, verdict: Verdict, alerts: list[Alert]) -> None:
        subject = self._subjects.setdefault("stream", _Subject(self._stream_settings, early=False))
        others = any(name != "stream" for name in self.raised)
        score = _Score(verdict.t, verdict.fake, verdict.reasons)
        change = subject.add(score, quiet=others or verdict.t < self._quiet_until)
        self._note("stream", subject, change, verdict, alerts)

    def _expire(self, verdict: Verdict, alerts: list[Alert]) -> None:
        for name, subject in list(self._subjects.items()):
            if name == "stream" or not subject.gone(verdict.t):
                continue
            if subject.raised:
                self._note(name, subject, subject.clear(verdict.t), verdict, alerts, why="not seen any more")
            elif not subject.cooling(verdict.t):
                del self._subjects[name]

    def _note(
        self,
        name: str,
        subject: _Subject,
        change: bool | None,
        verdict: Verdict,
        alerts: list[Alert],
        *,
        why: str = "",
    ) -> None:
        if change is None:
            return
        if not change:
            self._quiet_until = verdict.t + self.settings.cool_down + self._stream_settings.minimum
        alerts.append(Alert(verdict.source, change, name, subject.probability, verdict.t, detail=why))


@dataclass(frozen=True, slots=True)
class _Score:
    t: float
    fake: float | None
    reasons: tuple[str, ...]

    @property
    def evidence(self) -> float | None:
        return None if self.fake is None or doubtful(self.reasons) else self.fake


class _Subject:
    """The history of one face, of the voice or of the stream, and whether its alert stands."""

    def __init__(self, settings: AlarmSettings, *, early: bool = True) -> None:
        self._settings, self._window, self._early = settings, settings.minimum, early
        self._scores: deque[_Score] = deque()
        self.raised = False
        self.probability = 0.0
        self._seen = self._known = float("-inf")
        self._cleared = float("-inf")
        self._low = 0.0

    def reset(self, t: float) -> None:
        self._scores.clear()
        self._low = 0.0
        self._seen = self._known = t
        self._cleared = min(self._cleared, t)

    def gone(self, t: float) -> bool:
        return t - self._seen > self._settings.gone_after

    def cooling(self, t: float) -> bool:
        return t - self._cleared < self._settings.cool_down

    def clear(self, t: float) -> bool:
        """Lower the alert; returns False, the change."""
        self.raised, self._cleared, self._low = False, t, 0.0
        return False

    def add(self, score: _Score, *, quiet: bool = False) -> bool | None:
        """Take a score; return True where it raised the alert, False where it cleared it, else None."""
        last = self._scores[-1] if self._scores else None
        self._scores.append(score)
        self._seen = score.t
        while self._scores[0].t < score.t - self._window - HOLD:
            self._scores.popleft()
        if score.evidence is None:
            if self.raised and score.t - self._known > self._settings.forget_after:
                return self.clear(score.t)
            return None
        self._known = score.t
        median = self._median(score.t)
        if self.raised:
            return self._lower(score, last, median)
        if quiet or self.cooling(score.t):
            return None
        if (median is not None and median >= self._settings.raise_at) or (self._early and self._overwhelming(score.t)):
            self.raised, self._low = True, 0.0
            self.probability = score.evidence if median is None else max(median, self._settings.raise_at)
            return True
        return None

    def _lower(self, score: _Score, last: _Score | None, median: float | None) -> bool | None:
        if median is not None:
            self.probability = median
        if median is None or median >= self._settings.clear_at:
            self._low = 0.0
            return None
        if last is not None and last.evidence is not None:
            self._low += min(score.t - last.t, HOLD)
        return self.clear(score.t) if self._low >= self._settings.clear_after - 1e-6 else None

    def _median(self, t: float) -> float | None:
        """The median of the window weighted by time; None where scores cover too little of it."""
        start = t - self._window
        weights: list[tuple[float, float]] = []
        ends = [score.t for score in self._scores][1:]
        for score, end in zip(self._scores, [*ends, t], strict=True):
            weight = min(end, score.t + HOLD) - max(score.t, start)
            if score.evidence is not None and weight > 0:
                weights.append((score.evidence, weight))
        total = sum(weight for _, weight in weights)
        if total < SUPPORT * self._window - 1e-6 or not weights:
            return None
        passed = 0.0
        for value, weight in sorted(weights):
            passed += weight
            if passed >= total / 2:
                return value
        return weights[-1][0]

    def _overwhelming(self, t: float) -> bool:
        level = max(self._settings.early_at, self._settings.raise_at)
        count = 0
        for score in reversed(self._scores):
            if score.evidence is None:
                continue
            if score.evidence < level:
                return False
            count += 1
            if count >= EARLY_SCORES and t - score.t >= self._settings.early_for - 1e-6:
                return True
        return False
