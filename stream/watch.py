"""`truefeed watch`: one thread turns all lines, fairly, until each has ended or a person has had enough."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from typing import TextIO

# Before PyAV, which the modules below import: the wheels of both carry X libraries under the same names, and with
# those of PyAV loaded first OpenCV's window waits for ever.
import cv2  # noqa: F401

from .alarm import Alarm
from .capture import Capture
from .config import StreamSettings, WatchSettings, build
from .errors import SourceError, redact
from .interrupt import Interrupt
from .line import Line, alarm_settings
from .models import Models
from .outputs import Outputs
from .sources import Source, SourceOptions, open_source

_PATIENCE = 0.1
"Longest sleep of the loop, s: how late a signal or a closed window may be noticed."


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed watch`; returns the exit code."""
    given = {k: v for k, v in vars(arguments).items() if k not in ("command", "sources", "config")}
    settings = build(getattr(arguments, "sources", []), given, getattr(arguments, "config", None))
    return watch(settings, sys.stdout, sys.stderr)


def watch(settings: WatchSettings, out: TextIO, err: TextIO) -> int:
    """Watch the streams of settings until they end or a signal comes.

    Args:
        settings: what to watch and how.
        out: takes data.
        err: takes words.

    Returns:
        3 where an alert was raised and that was asked for, else 1 where a source or an output failed, else 0.

    Raises:
        TruefeedError, EngineError: nothing could be started (a model, a sink, a wrong setting).
    """
    with Interrupt() as interrupt, Outputs(settings, out, err) as outputs:
        opened, failed = _open(settings.streams, outputs)
        lines: list[Line] = []
        try:
            if opened and not interrupt.asked:
                wake = threading.Event()
                lines = _lines(settings, outputs, opened, wake)
                _turn(lines, outputs, wake, interrupt)
        finally:
            _close(lines)
    if settings.fail_on_alert and any(line.alerts for line in lines):
        return 3
    return 1 if failed or outputs.lost or any(line.error for line in lines) else 0


_Opened = tuple[str, Source, StreamSettings]


def _lines(settings: WatchSettings, outputs: Outputs, opened: Sequence[_Opened], wake: threading.Event) -> list[Line]:
    models = Models.load(settings.engine, settings.faces, face_model=settings.model, voice_model=settings.voice_model)
    lines = []
    for name, source, stream in opened:
        alarm = alarm_settings(models.face_window, stream)
        voice = alarm_settings(models.voice, stream) if models.voice is not None else None
        capture = Capture(source, wake=wake)
        sink = outputs.sink(name, stream, models, alarm, capture)
        lines.append(Line(name, capture, models, Alarm(alarm, voice), sink, seconds=settings.seconds))
    return lines


def _open(streams: Sequence[StreamSettings], outputs: Outputs) -> tuple[list[_Opened], int]:
    """Return the sources that can be tried, with their names, and how many could not."""
    opened: list[_Opened] = []
    failed = 0
    for stream in streams:
        options = SourceOptions(
            transport=stream.transport, audio=stream.audio, mic=stream.mic, pace=stream.pace, stall=stream.stall
        )
        taken = {name for name, _, _ in opened}
        try:
            source = open_source(stream.url, options)
        except SourceError as error:
            failed += 1
            outputs.absent(_free(stream.name or redact(stream.url), taken), error)
        else:
            opened.append((_free(stream.name or source.name, taken), source, stream))
    return opened, failed


def _free(name: str, taken: set[str]) -> str:
    """Return name, numbered where another source has it."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _turn(lines: Sequence[Line], outputs: Outputs, wake: threading.Event, interrupt: Interrupt) -> None:
    """Give every line its turn, one picture each, so that none starves."""
    for line in lines:
        line.start()
    while not interrupt.asked and not outputs.done:
        wake.clear()
        busy = False
        for line in lines:
            if line.ended:
                continue
            busy = line.step() or busy
            if line.error is not None:
                outputs.failed(line.name, line.error)
            if line.ended:
                line.finish()
        if all(line.ended for line in lines):
            return
        if not busy:
            wake.wait(_PATIENCE)
        outputs.idle()


def _close(lines: Sequence[Line]) -> None:
    """Ask all captures to stop before the first is waited for: twelve frozen cameras end as fast as one."""
    for line in lines:
        line.finish()
    for line in lines:
        line.capture.stop()
