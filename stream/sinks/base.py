"""Where verdicts go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import av
import cv2

from ..errors import TruefeedError
from ..redaction import redact
from ..types import Alert, Frame, StateChange, Verdict

_FAILURES = (TruefeedError, OSError, ValueError, av.error.FFmpegError, cv2.error)

NOTHING: Mapping[str, Any] = {
    "frames_read": 0,
    "frames_scored": 0,
    "dropped": 0,
    "alerts": 0,
    "reconnects": 0,
    "decode_errors": 0,
    "latency_ms_p50": None,
    "latency_ms_p95": None,
    "seconds": 0.0,
    "scored_fps": 0.0,
}
"The summary of a source that gave nothing; its keys are a contract."


def complain(errors: TextIO, line: str) -> None:
    """Tell a person on errors what a sink could not do, without secrets; safe where nobody reads it any more."""
    try:
        errors.write(f"truefeed: {redact(line)}\n")
        errors.flush()
    except (OSError, ValueError):
        pass


class Sink:
    """Takes what the watch loop finds out. A sink overrides what it has a use for; the rest does nothing.

    All methods are called from the loop's one thread. None may wait for a network or for a person.
    """

    done = False
    "True once the user has turned the sink off (window closed, reader of the pipe gone); the loop then ends."

    failed = 0
    "What it was to pass on and could not."

    def state(self, source: str, change: StateChange) -> None:
        """The source went from one state to another."""

    def frame(self, source: str, frame: Frame) -> None:
        """A frame that was not scored, for those who show pictures; scored ones come with their verdict."""

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        """A verdict; frame is the one it is about, None where it is about sound only."""

    def keep(self, alert: Alert) -> Alert:
        """Keep what proves the alert; return the alert, with `evidence` set. Called on every sink before `alert`."""
        return alert

    def alert(self, alert: Alert) -> None:
        """An alert was raised or cleared. Comes after the verdict that caused it."""

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        """The source has ended; stats holds frames_read, frames_scored, dropped and more."""

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        """Figures of a connection that knows more than Capture counts (WebRTC), every few seconds."""

    def close(self) -> None:
        """Finish what is open. May be called twice."""


class Sinks(Sink):
    """Several sinks as one. One that fails is reported once and left out; the others and the watching go on."""

    def __init__(self, sinks: Iterable[Sink], errors: TextIO) -> None:
        """Take the sinks, in the order of calling, and the text stream that failures are told to."""
        self._sinks = list(sinks)
        self._errors = errors
        self.lost: list[Sink] = []
        "Those that failed."

    @property
    def done(self) -> bool:  # type: ignore[override]
        return any(sink.done for sink in self._sinks)

    def state(self, source: str, change: StateChange) -> None:
        self._each("state", source, change)

    def frame(self, source: str, frame: Frame) -> None:
        self._each("frame", source, frame)

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self._each("verdict", verdict, frame)

    def keep(self, alert: Alert) -> Alert:
        for sink in list(self._sinks):
            try:
                alert = sink.keep(alert)
            except _FAILURES as error:
                self._drop(sink, "keep", error)
        return alert

    def alert(self, alert: Alert) -> None:
        """Have the alert kept, then tell it, so that all who are told know where its evidence lies."""
        self._each("alert", self.keep(alert))

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        self._each("summary", source, stats)

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self._each("stats", source, figures)

    def close(self) -> None:
        """Close every sink, also where one fails."""
        self._each("close")

    def close_all_but(self, others: Iterable[object]) -> None:
        """Close the sinks that serve nobody else."""
        kept = list(others)
        self._sinks = [sink for sink in self._sinks if not any(sink is other for other in kept)]
        self.close()

    def _each(self, method: str, *args: object) -> None:
        for sink in list(self._sinks):
            try:
                getattr(sink, method)(*args)
            except _FAILURES as error:
                self._drop(sink, method, error)

    def _drop(self, sink: Sink, method: str, error: Exception) -> None:
        self._sinks.remove(sink)
        self.lost.append(sink)
        self._errors.write(f"truefeed: {type(sink).__name__} stopped: {redact(str(error))}\n")
        self._errors.flush()
        if method != "close":
            try:
                sink.close()
            except _FAILURES as second:
                self._errors.write(f"truefeed: {type(sink).__name__} did not close: {redact(str(second))}\n")
