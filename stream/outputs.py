"""The sinks of one run of `truefeed watch`: those that all sources share, and those of one source."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from .alarm import AlarmSettings
from .config import StreamSettings, WatchSettings
from .errors import redact
from .line import NOTHING
from .models import Models
from .packets import PacketRing
from .sinks.base import Sink, Sinks
from .sinks.human import Human
from .sinks.jsonl import JsonLines
from .values import Frame, StateChange, Verdict


class Outputs:
    """Makes the sinks and closes them."""

    def __init__(self, settings: WatchSettings, out: TextIO, err: TextIO) -> None:
        """Take the settings, and the streams for data and for words."""
        self._settings, self._err = settings, err
        self._shared: list[Sink] = []
        self._own: list[Sinks] = []
        if settings.json:
            self._shared.append(JsonLines(out))
        if settings.verbosity < 0:
            self._shared.append(_Quiet(err))
        elif settings.verbosity > 0 or not settings.json:
            self._shared.append(Human(err, every=0.0 if settings.verbosity > 0 else 1.0))

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for sinks in self._own:
            sinks.close()
        for sink in self._shared:
            sink.close()

    def sink(
        self, name: str, stream: StreamSettings, models: Models, alarm: AlarmSettings, packets: PacketRing
    ) -> Sink:
        """Return what takes the results of one source."""
        sinks = Sinks(list(self._shared), self._err)
        self._own.append(sinks)
        return sinks

    @property
    def lost(self) -> bool:
        """True once something that the user asked for could not be written any more."""
        return any(sinks.lost for sinks in self._own)

    @property
    def done(self) -> bool:
        """True once the user has closed what shows the results."""
        return any(sink.done for sink in (*self._shared, *self._own))

    def idle(self) -> None:
        """To be called often: a window wants to be served also while no picture comes."""

    def absent(self, name: str, error: Exception) -> None:
        """Tell that a source could not even be tried; whoever reads the events finds its summary too."""
        self.failed(name, error)
        for sink in self._shared:
            if not isinstance(sink, Human):
                sink.summary(name, dict(NOTHING))

    def failed(self, name: str, error: Exception) -> None:
        """Tell that a source cannot go on."""
        text = redact(str(error)) or type(error).__name__
        self._err.write(f"truefeed: {text}\n")
        self._err.flush()
        for sink in self._shared:
            if not isinstance(sink, Human):  # a person has just read it
                sink.state(name, StateChange("ended", text))


class _Quiet(Human):
    """Alerts and nothing else."""

    def state(self, source: str, change: StateChange) -> None:
        pass

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        pass

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        pass
