"""All that is being watched at one time: lines that were asked for, and those of the participants of rooms."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from ..config.settings import StreamSettings, WatchSettings
from ..errors import TruefeedError
from ..redaction import displayable, public_name
from ..scoring.alarm import Alarm
from ..scoring.alarm_settings import alarm_settings
from ..scoring.models import Models
from ..signals import Interrupt
from ..sinks.base import Sink
from ..sources import Source
from ..sources.capture import PREROLL, Capture
from .outputs import Outputs
from .pipeline import Pipeline
from .room import Room

_PATIENCE = 0.1
"Longest sleep of the loop, s: how late a signal or a closed window may be noticed."


class Supervisor:
    """Turns all lines in the thread of its caller, one picture each, so that none starves.

    Args:
        settings: of the run.
        outputs: take the results.
        models: shared by all lines.
    """

    def __init__(self, settings: WatchSettings, outputs: Outputs, models: Models) -> None:
        self._settings, self._outputs, self._models = settings, outputs, models
        self._wake = threading.Event()
        self._lines: list[tuple[Pipeline, Sink]] = []
        self._rooms: list[tuple[Room, StreamSettings]] = []
        self.alerts = 0
        "Raised by lines that are gone."
        self.failed = 0
        "Sources and rooms that ended by an error."

    def add(
        self,
        name: str,
        source: Source,
        stream: StreamSettings,
        participant: str | None = None,
        results: Sink | None = None,
    ) -> Pipeline:
        """Make the line of a source; it is not started. Raises ConfigError where its files can't be written."""
        alarm = alarm_settings(self._models.face_window, stream)
        voice = alarm_settings(self._models.voice, stream) if self._models.voice is not None else None
        kept = (stream.evidence or self._settings.evidence) is not None
        capture = Capture(source, preroll=PREROLL if kept else 0.0, wake=self._wake)
        sink = self._outputs.sink(name, stream, self._models, alarm, capture, results)
        line = Pipeline(
            name,
            capture,
            self._models,
            Alarm(alarm, voice),
            sink,
            seconds=self._settings.seconds if participant is None else None,
            participant=participant,
        )
        self._lines.append((line, sink))
        return line

    def enter(self, room: Room, stream: StreamSettings) -> None:
        """Open a room; one that can't be entered is told and left out."""
        try:
            room.start(self._wake)
        except TruefeedError as error:
            self.failed += 1
            self._outputs.absent(room.name, error)
            room.close()
        else:
            if room.sink is not None:
                self._outputs.add(room.sink)
            self._rooms.append((room, stream))

    def turn(self, interrupt: Interrupt) -> None:
        """Go on until every line and room has ended, or somebody has had enough."""
        for line, _ in self._lines:
            line.start()
        limit = self._settings.seconds
        over = time.monotonic() + limit if limit is not None and self._rooms else None
        while not interrupt.asked and not self._outputs.done:
            self._wake.clear()
            self._look_around()
            busy = self._round()
            if not self._rooms and all(line.ended for line, _ in self._lines):
                return
            if over is not None and time.monotonic() >= over and not any(self._asked_for()):
                return
            if not busy:
                self._wake.wait(_PATIENCE)
            self._outputs.idle()

    def _asked_for(self) -> Sequence[Pipeline]:
        return [line for line, _ in self._lines if line.participant is None and not line.ended]

    def _round(self) -> bool:
        busy = False
        for line, sink in list(self._lines):
            if line.ended:
                continue
            busy = line.step() or busy
            if line.error is not None:
                self._outputs.failed(line.name, line.error)
            if line.ended:
                line.finish()
                if line.participant is not None:
                    self._dismiss(line, sink)
        return busy

    def _dismiss(self, line: Pipeline, sink: Sink) -> None:
        """A participant has left: keep the sums, free the rest."""
        line.capture.stop()
        self._lines.remove((line, sink))
        self._outputs.release(line.name, sink)
        self.alerts += line.alerts
        self.failed += line.error is not None

    def _look_around(self) -> None:
        for entry in list(self._rooms):
            room, stream = entry
            for change in room.changes():
                self._outputs.told(room.name, change, room.results)
            taken = {line.name for line, _ in self._lines}
            for come in room.arrivals():
                name = free(f"{room.name}#{come.name}", taken)
                taken.add(name)
                self.add(name, come.source, stream, come.name, come.results).start()
            if room.ended:
                self._rooms.remove(entry)
                room.close()

    def close(self) -> None:
        """Ask all captures to stop before the first is waited for: twelve frozen cameras end as fast as one."""
        for line, _ in self._lines:
            line.finish()
        for room, _ in self._rooms:
            room.close()
        for line, _ in self._lines:
            line.capture.stop()
            self.alerts += line.alerts
            self.failed += line.error is not None
        self._lines.clear()
        self._rooms.clear()


def free(name: str, taken: set[str]) -> str:
    """Return name, numbered where another source has it."""
    number = 2
    found = name
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    return found


def public(stream: StreamSettings) -> str:
    """Return what to call a stream that could not be opened."""
    return displayable(stream.name) if stream.name else public_name(stream.url)
