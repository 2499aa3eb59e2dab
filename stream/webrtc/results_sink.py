"""Results on their way back into a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..sinks.base import Sink
from ..sinks.jsonl import alert_event, state_event, stats_event, verdict_event
from ..types import Alert, Frame, StateChange, Verdict

Tell = Callable[[str | None, Mapping[str, Any]], None]
"Takes the participant whom an event is about, None for the room, and the event. From any thread."


class Results(Sink):
    """Hands every event to a room, as `--json` prints it, with what drawing over the picture needs."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def state(self, source: str, change: StateChange) -> None:
        self._tell(change.participant, state_event(source, change))

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        event = verdict_event(verdict)
        if frame is not None:
            event["width"], event["height"] = frame.image.shape[1], frame.image.shape[0]
        for face, told in zip(verdict.faces, event["faces"], strict=True):
            told["status"], told["reasons"] = face.status, list(face.reasons)
        self._tell(verdict.participant, event)

    def alert(self, alert: Alert) -> None:
        # Where the evidence lies is for whoever has this machine's files.
        self._tell(alert.participant, {k: v for k, v in alert_event(alert).items() if k != "evidence"})

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self._tell(figures.get("participant"), stats_event(source, figures))
