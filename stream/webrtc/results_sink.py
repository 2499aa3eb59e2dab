"""Results on their way back into a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..sinks.base import Sink
from ..sinks.jsonl import alert_event, state_event, stats_event, verdict_event
from ..types import Alert, Frame, StateChange, Verdict

Tell = Callable[[Mapping[str, Any]], None]
"Takes an event. From any thread."


class Results(Sink):
    """Hands the events of one participant, or of the room itself, to whom they are about.

    They are as `--json` prints them, with what drawing over the picture needs.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def state(self, source: str, change: StateChange) -> None:
        self._tell(state_event(source, change))

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        event = verdict_event(verdict)
        if frame is not None:
            event["width"], event["height"] = frame.image.shape[1], frame.image.shape[0]
        for face, told in zip(verdict.faces, event["faces"], strict=True):
            told["status"], told["reasons"] = face.status, list(face.reasons)
        self._tell(event)

    def alert(self, alert: Alert) -> None:
        # Where the evidence lies is for whoever has this machine's files.
        self._tell({k: v for k, v in alert_event(alert).items() if k != "evidence"})

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self._tell(stats_event(source, figures))
