"""JSON lines on standard output: one event a line. Keys and their order are a contract for docs, tests and users."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np

from ..redaction import redact
from ..types import Alert, Frame, StateChange, Verdict
from .base import Sink

_STATES = ("online", "stalled", "retrying", "ended")
_FIRST = ("frames_read", "frames_scored", "dropped")


class JsonLines(Sink):
    """Writes events as JSON lines, each flushed. A reader that goes away ends the watching quietly."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def state(self, source: str, change: StateChange) -> None:
        if change.state in _STATES:  # `connecting` is not yet a stream
            self._write(state_event(source, change))

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self._write(verdict_event(verdict))

    def alert(self, alert: Alert) -> None:
        self._write(alert_event(alert))

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        self._write(summary_event(source, stats))

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self._write(stats_event(source, figures))

    def _write(self, event: dict[str, Any]) -> None:
        if self.done:
            return
        try:
            self._out.write(dumps(event) + "\n")
            self._out.flush()
        except BrokenPipeError:
            self.done = True
            # What is left in the buffer would raise again when the interpreter flushes at exit.
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._out.fileno())
                os.close(null)


def dumps(event: Mapping[str, Any]) -> str:
    """Return one line of JSON without secrets; numbers that are not finite become null, since JSON has none."""
    return json.dumps(fit_for_json(event), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def state_event(source: str, change: StateChange) -> dict[str, Any]:
    return {"event": "stream", "state": change.state, "source": source, "detail": change.detail} | _who(
        change.participant
    )


def verdict_event(verdict: Verdict) -> dict[str, Any]:
    return {
        "event": "verdict",
        "source": verdict.source,
        "t": _round(verdict.t, 3),
        "fake": _round(verdict.fake, 4),
        "status": verdict.status,
        "reasons": list(verdict.reasons),
        "voice": _round(verdict.voice, 4),
        "faces": [
            {"id": face.id, "fake": _round(face.fake, 4), "box": [round(float(x)) for x in face.box]}
            for face in verdict.faces
        ],
        "latency_ms": None if verdict.latency is None else _round(verdict.latency * 1000, 1),
    } | _who(verdict.participant)


def alert_event(alert: Alert) -> dict[str, Any]:
    return {
        "event": "alert",
        "raised": alert.raised,
        "subject": alert.subject,
        "probability": _round(alert.probability, 4),
        "t": _round(alert.t, 3),
        "evidence": alert.evidence,
        "source": alert.source,
        **({"detail": alert.detail} if alert.detail else {}),
    } | _who(alert.participant)


def summary_event(source: str, stats: Mapping[str, Any]) -> dict[str, Any]:
    first = {key: stats.get(key) for key in _FIRST}
    rest = {key: _round(value, 4) for key, value in stats.items() if key not in _FIRST}
    return {"event": "summary", **first, "source": source, **rest}


def stats_event(source: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {"event": "stats", "source": source, **{key: _round(value, 4) for key, value in figures.items()}}


def _who(participant: str | None) -> dict[str, Any]:
    """Only a participant of a room has a name besides its source's."""
    return {} if participant is None else {"participant": participant}


def _round(value: object, digits: int) -> object:
    # numpy's floats are not json's, and 0.30000000000000004 is nobody's.
    return round(float(value), digits) if isinstance(value, (float, np.floating)) else value


def fit_for_json(value: object) -> object:
    """Return value without secrets in its texts and with null for numbers that JSON does not know."""
    if isinstance(value, Mapping):
        return {key: fit_for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fit_for_json(item) for item in value]
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
