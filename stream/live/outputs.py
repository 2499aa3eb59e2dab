"""The sinks of one run of `truefeed watch`: those that all sources share, and those of one source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

from ..config.settings import StreamSettings, WatchSettings
from ..errors import ConfigError
from ..redaction import public_name, redact
from ..scoring.alarm_settings import AlarmSettings
from ..scoring.models import Models, card_of
from ..sinks.base import NOTHING, Sink, Sinks
from ..sinks.console import Console
from ..sinks.display import Window, check_display
from ..sinks.evidence import Evidence
from ..sinks.jsonl import JsonLines
from ..sinks.prometheus import Metrics
from ..sinks.queued import Queue, Queued, QueuedText, separate
from ..sinks.screen_overlay import ScreenOverlay, check_screen_overlay
from ..sinks.video_file import VideoFile
from ..sinks.webhook import Webhook
from ..sources.capture import Capture
from ..sources.screen import is_screen
from ..types import Frame, StateChange, Verdict

_LINES = 2000
"Events, or lines, that wait for a slow reader of standard output, or of standard error."
_FOLDERS = 8
"Alerts whose evidence waits for a slow disk; each holds the seconds before it."


class Outputs:
    """Makes the sinks and closes them."""

    def __init__(self, settings: WatchSettings, out: TextIO, err: TextIO) -> None:
        """Open what all sources share.

        Args:
            settings: what was asked for.
            out: takes data.
            err: takes words.

        Raises:
            ConfigError: there is no display for a window, the port is taken, an address is none.
        """
        self._settings = settings
        self._words = QueuedText(err, limit=_LINES)
        self._err = err = cast(TextIO, self._words)
        self._window: Window | None = None
        self._over: ScreenOverlay | None = None
        self._metrics: Metrics | None = None
        self._shared: list[Sink] = []
        self._own: list[Sinks] = []
        self._files: set[Path] = set()
        self._gone_lost = False
        if any(stream.overlay == "window" for stream in settings.streams):
            check_display()
        over = [stream for stream in settings.streams if stream.overlay == "screen"]
        if over:
            check_screen_overlay()
        if others := [stream.url for stream in over if not is_screen(stream.url)]:
            raise ConfigError(f"--overlay screen draws over the screen; {public_name(others[0])} is not on it")
        self._folders = Queue("evidence folders", err, limit=_FOLDERS)
        self._lines = Queue("events on standard output", err, limit=_LINES)
        self._given, self._out = out, separate(out) if settings.json else out
        if settings.json:
            self._shared.append(Queued(JsonLines(self._out), self._lines))
        if settings.verbosity < 0:
            self._shared.append(_AlertsOnly(err))
        elif settings.verbosity > 0 or not settings.json:
            self._shared.append(Console(err, every=0.0 if settings.verbosity > 0 else 1.0))
        if settings.webhook is not None:
            self._shared.append(Webhook(settings.webhook, err))
        if settings.metrics_port is not None:
            self._metrics = Metrics(settings.metrics_port)
            self._shared.append(self._metrics)
            if settings.metrics_port == 0 or settings.verbosity > 0:
                err.write(f"truefeed: figures on http://127.0.0.1:{self._metrics.port}/metrics\n")

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for sinks in self._own:
            sinks.close()
        self._folders.close()
        for sink in self._shared:  # also where no source was ever opened; closing twice is allowed
            sink.close()
        if self._out is not self._given and not self._lines.stuck:
            with suppress(OSError):  # nobody reads it any more
                self._out.close()
        self._words.close()

    def sink(
        self,
        name: str,
        stream: StreamSettings,
        models: Models,
        alarm: AlarmSettings,
        capture: Capture,
        results: Sink | None = None,
    ) -> Sink:
        """Return what takes the results of one source, `results` being where they go besides.

        Raises:
            ConfigError: the overlay file or the folder of the evidence can't be written.
        """
        if capture.source.live:
            self._lines.waits = self._folders.waits = self._words.queue.waits = False
        own: list[Sink] = [*self._shared, *([results] if results is not None else [])]
        if self._metrics is not None:
            self._metrics.follow(name, lambda: capture.stats)
        evidence = stream.evidence or self._settings.evidence
        if evidence is not None:
            own.append(Evidence(evidence, name, models, capture.packets, asdict(alarm), queue=self._folders))
        if stream.overlay == "window":
            self._window = self._window or Window(raise_at=alarm.raise_at)
            self._window.add(name)
            own.append(self._window)
        elif stream.overlay == "screen":
            self._over = self._over or ScreenOverlay(card_of(models.face).crop_scale)
            own.append(self._over)
        elif stream.overlay != "none":
            own.append(VideoFile(self._file(Path(stream.overlay), name), name, raise_at=alarm.raise_at, err=self._err))
        sinks = Sinks(own, self._err)
        self._own.append(sinks)
        return sinks

    def _file(self, path: Path, name: str) -> Path:
        """Return path, with the source's name in it where several sources were given the same one."""
        if sum(stream.overlay == str(path) for stream in self._settings.streams) > 1:
            last = re.split(r"[/\\]", name.rstrip("/"))[-1] if "://" not in name else name.split("://", 1)[1]
            word = re.sub(r"[^\w.-]+", "-", last.removeprefix("***@")).strip("-.") or "source"
            path = path.with_name(f"{path.stem}-{word.replace(path.suffix, '')}{path.suffix}")
        free, number = path, 2
        while free in self._files:
            free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
        self._files.add(free)
        return free

    def add(self, sink: Sink) -> None:
        """Have one more sink take the results of every source from now on."""
        self._shared.append(sink)

    def release(self, name: str, sinks: Sink) -> None:
        """Finish the files of a participant who has left, and keep nothing of it."""
        if isinstance(sinks, Sinks) and sinks in self._own:
            self._own.remove(sinks)
            self._gone_lost = self._gone_lost or bool(sinks.lost)
            sinks.close_all_but((*self._shared, self._window))
        if self._window is not None:
            self._window.remove(name)
        if self._metrics is not None:
            self._metrics.forget(name)

    @property
    def lost(self) -> bool:
        """True once something that the user asked for could not be written or delivered."""
        return (
            self._gone_lost
            or self._folders.failed > 0
            or any(sinks.lost for sinks in self._own)
            or any(sink.failed for sink in self._shared)
        )

    @property
    def done(self) -> bool:
        """True once the user has closed what shows the results."""
        return any(sink.done for sink in (*self._shared, *self._own))

    def idle(self) -> None:
        """To be called often: a window wants to be served also while no picture comes."""
        if self._window is not None:
            self._window.idle()

    def told(self, name: str, change: StateChange, results: Sink | None) -> None:
        """Tell what became of a room, also to those in it."""
        for sink in (*self._shared, *([results] if results is not None else [])):
            sink.state(name, change)

    def absent(self, name: str, error: Exception) -> None:
        """Tell that a source could not even be tried; whoever reads the events finds its summary too."""
        self.failed(name, error)
        for sink in self._shared:
            if not isinstance(sink, Console):
                sink.summary(name, dict(NOTHING))

    def failed(self, name: str, error: Exception) -> None:
        """Tell that a source cannot go on."""
        text = redact(str(error)) or type(error).__name__
        self._err.write(f"truefeed: {text}\n")
        self._err.flush()
        for sink in (*self._shared, *([self._window] if self._window else [])):
            if not isinstance(sink, Console):  # a person has just read it
                sink.state(name, StateChange("ended", text))


class _AlertsOnly(Console):
    """Alerts and nothing else."""

    def state(self, source: str, change: StateChange) -> None:
        pass

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        pass

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        pass
