"""One source on its way from capture to the sinks. The watch loop turns several of these in one thread."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ScoringError
from ..faces.detect_track import FollowSettings
from ..scoring.alarm import Alarm
from ..scoring.analyzer import Analyzer, ScoreSettings
from ..scoring.models import Models
from ..sinks.base import NOTHING, Sink
from ..sources import Reporting, Source, shows_screen
from ..sources.capture import Capture, End
from ..types import AudioChunk, Frame, StateChange, StreamState, Verdict

_AT_ONCE = 64
"Items taken from one source before the next has its turn."
_LATENCIES = 10_000
"Verdicts over which the latency is summed up: enough for the tail, and flat over weeks."
_FAILURES = 3
"Pictures or pieces of sound in a row whose scoring fails before the source is given up."
_STANDING = 2.0
"A screen that did not change for so long has no next picture soon, s."
STATS_EVERY = 5.0
"Figures of a WebRTC connection are told so often, s."


class Pipeline:
    """Captures one source, judges what comes and hands it to the sinks. Not thread-safe; `step` does not wait."""

    def __init__(
        self,
        name: str,
        capture: Capture,
        models: Models,
        alarm: Alarm,
        sink: Sink,
        *,
        seconds: float | None = None,
        participant: str | None = None,
    ) -> None:
        """Make the line; nothing is opened before `start`.

        Args:
            name: what the source is called in the results.
            capture: of the source; the line starts it and asks it to stop.
            models: shared with the other lines.
            alarm: of this source.
            sink: takes the results; the line does not close it.
            seconds: end after so long, s: by the clock for a live source, by media time for a file.
            participant: whose it is, in a room of several.
        """
        self.name = name
        self.participant = participant
        self.live = capture.source.live
        self.alerts = 0
        self.error: Exception | None = None
        "Why it ended before its time."
        self.ended = False
        self.capture = capture
        self._analyzer = Analyzer(models, source=name, settings=_settings(capture.source))
        self._alarm = alarm
        self._sink, self._seconds = sink, seconds
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._scored = 0
        self._failures: Counter[type[Frame | AudioChunk]] = Counter()
        self._gap = self._summed = False
        self._pictured = float("inf")
        "Media time of the latest picture of what may stand still, s."
        self._state: StreamState = "connecting"
        self._started = self._stopped = self._reported = time.monotonic()

    def start(self) -> None:
        self._started = time.monotonic()
        self.capture.start()

    def step(self) -> bool:
        """Take what waits, up to one picture; return False if nothing waited.

        An error of the source ends the line and is kept in `error`.
        """
        self._report()
        for count in range(_AT_ONCE):
            if self.ended:
                return count > 0
            item = self._poll()
            if self._seconds is not None and self.live and time.monotonic() - self._started >= self._seconds:
                self._end()
            elif item is None:
                return count > 0
            elif isinstance(item, (Frame, AudioChunk)):
                self._judge(item)
                if isinstance(item, Frame):
                    return True
            else:
                self._other(item)
        return True

    def _other(self, item: StateChange | End) -> None:
        if isinstance(item, End):
            self._end()
            return
        if item.state in ("stalled", "retrying"):
            # The first picture after the gap says so too, but on a slow machine that one may be dropped.
            self._gap = True
        elif item.state == "ended":
            self._clear_alerts()
        self._state = item.state
        self._sink.state(self.name, replace(item, participant=self.participant))

    def _judge(self, item: Frame | AudioChunk) -> None:
        """Score; what fails is left out and starts the windows anew, and ends this line alone if it goes on failing."""
        try:
            if isinstance(item, Frame):
                self._frame(item)
            else:
                self._sound(item)
        except Exception as error:  # whatever an engine, OpenCV or a fault of ours raised: the other sources go on
            self._failures[type(item)] += 1
            self._gap = True
            if self._failures[type(item)] >= _FAILURES:
                self.error = ScoringError(f"{self.name}: scoring failed {_FAILURES} times in a row: {error}")
                self.error.__cause__ = error
                self._end()
            else:
                self._analyzer.reset()

    def _poll(self) -> Frame | AudioChunk | StateChange | End | None:
        try:
            return self.capture.poll(0)
        except Exception as error:  # whatever a driver or a decoder raised in the capture thread: the others go on
            self.error = error
            return End()

    def _frame(self, frame: Frame) -> None:
        if self._over(frame.t):
            return
        if self._gap and not frame.discontinuity:
            frame = replace(frame, discontinuity=True)
        self._gap = False
        if frame.screen is not None:
            self._pictured = frame.t
        if frame.discontinuity:
            self._alarm.reset(frame.t)
        verdict = self._analyzer.frame(frame, frame.bitrate_kbps)
        if verdict is None:
            self._sink.frame(self.name, frame)
            return
        self._failures.pop(Frame, None)
        self._scored += 1
        if verdict.latency is not None:
            self._latencies.append(verdict.latency)
        self._tell(verdict, frame)

    def _sound(self, chunk: AudioChunk) -> None:
        voice = self._analyzer.audio(chunk)
        if voice is None:
            return
        self._failures.pop(AudioChunk, None)
        standing = voice.t - self._pictured > _STANDING
        if (self._analyzer.seen_video and not standing) or self._over(voice.t):
            return
        # A source without a picture, or whose screen stands still, has no next verdict that the voice could join.
        self._tell(self._analyzer.voice_only(voice), None)

    def _tell(self, verdict: Verdict, frame: Frame | None) -> None:
        if self.participant is not None:
            verdict = replace(verdict, participant=self.participant)
        self._sink.verdict(verdict, frame)
        for alert in self._alarm.update(verdict, self._analyzer.latest_voice):
            self.alerts += alert.raised
            self._sink.alert(replace(alert, participant=self.participant))

    def _report(self) -> None:
        """Every few seconds, tell the figures of a connection that has some."""
        source, now = self.capture.source, time.monotonic()
        if now - self._reported < STATS_EVERY or not isinstance(source, Reporting):
            return
        self._reported = now
        figures = source.report()
        if figures is not None:
            who = {} if self.participant is None else {"participant": self.participant}
            self._sink.stats(self.name, {**who, **figures, "dropped": self.capture.stats.dropped})

    def _over(self, t: float) -> bool:
        if self._seconds is None or self.live or t < self._seconds:
            return False
        self._end()
        return True

    def _end(self) -> None:
        if not self.ended:
            self.ended, self._stopped = True, time.monotonic()

    def finish(self) -> None:
        """Ask the capture to stop, without waiting for it, and tell the sink the end and the sum. Twice is once."""
        self._end()
        self.capture.ask_to_stop()
        if self._summed:
            return
        self._summed = True
        self._clear_alerts()
        if self._state != "ended" and self.error is None:
            self._sink.state(self.name, StateChange("ended", "stopped", time.monotonic(), self.participant))
        who = {} if self.participant is None else {"participant": self.participant}
        self._sink.summary(self.name, {**self.summary(), **who})

    def _clear_alerts(self) -> None:
        """No alert outlives its source: whoever was told of one is told that nothing more will come of it."""
        for alert in self._alarm.end(self.name, "the source has ended"):
            self._sink.alert(replace(alert, participant=self.participant))

    def summary(self) -> dict[str, Any]:
        """Return what the line did, for the summary event."""
        stats = self.capture.stats
        took = self._stopped - self._started
        p50, p95 = np.percentile(self._latencies, (50, 95)) * 1000 if self._latencies else (None, None)
        return {
            **NOTHING,
            "frames_read": stats.frames_read,
            "frames_scored": self._scored,
            "dropped": stats.dropped,
            "alerts": self.alerts,
            "reconnects": stats.reconnects,
            "decode_errors": stats.decode_errors,
            "latency_ms_p50": None if p50 is None else round(float(p50), 1),
            "latency_ms_p95": None if p95 is None else round(float(p95), 1),
            "seconds": round(took, 3),
            "scored_fps": round(self._scored / took, 2) if took > 0 else 0.0,
        }


def _settings(source: Source) -> ScoreSettings:
    return ScoreSettings(history=False, follow=FollowSettings(small=shows_screen(source)))
