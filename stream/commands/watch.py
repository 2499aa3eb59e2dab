"""`truefeed watch`: one thread turns all lines, fairly, until each has ended or a person has had enough."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TextIO

# Before PyAV, which the modules below import: the wheels of both carry X libraries under the same names, and with
# those of PyAV loaded first OpenCV's window waits for ever.
import cv2  # noqa: F401

from ..config.build import build
from ..config.settings import StreamSettings, WatchSettings
from ..errors import SourceError
from ..live.outputs import Outputs
from ..live.room import Room
from ..live.supervisor import Supervisor, free, public
from ..open import open_room, open_source
from ..scoring.models import Models
from ..signals import Interrupt
from ..sources import Source, SourceOptions


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed watch`; returns the exit code."""
    given = vars(arguments)
    settings = build(given.get("sources", []), given, given.get("config"))
    return watch(settings, sys.stdout, sys.stderr)


def watch(
    settings: WatchSettings, out: TextIO, err: TextIO, *, rooms: Sequence[tuple[Room, StreamSettings]] = ()
) -> int:
    """Watch the streams of settings until they end or a signal comes.

    Args:
        settings: what to watch and how.
        out: takes data.
        err: takes words.
        rooms: besides those that settings name, with the settings for each participant.

    Returns:
        3 where an alert was raised and that was asked for, else 1 where a source or an output failed, else 0.

    Raises:
        TruefeedError, EngineError: nothing could be started (a model, a sink, a wrong setting).
    """
    with Interrupt() as interrupt, Outputs(settings, out, err) as outputs:
        opened, entered, failed = _open(settings, outputs)
        entered = [*entered, *rooms]
        if not (opened or entered) or interrupt.asked:
            return 1 if failed else 0
        models = Models.load(
            settings.engine, settings.faces, face_model=settings.model, voice_model=settings.voice_model
        )
        supervisor = Supervisor(settings, outputs, models)
        try:
            for name, source, stream in opened:
                supervisor.add(name, source, stream)
            for room, stream in entered:
                supervisor.enter(room, stream)
            supervisor.turn(interrupt)
        finally:
            supervisor.close()
    if settings.fail_on_alert and supervisor.alerts:
        return 3
    return 1 if failed or supervisor.failed or outputs.lost else 0


_Opened = tuple[str, Source, StreamSettings]


def options_of(stream: StreamSettings, settings: WatchSettings) -> SourceOptions:
    """Return how a stream of a run is to be opened."""
    return SourceOptions(
        transport=stream.transport,
        audio=stream.audio,
        mic=stream.mic,
        pace=stream.pace,
        stall=stream.stall,
        token=stream.token,
        ice_servers=stream.ice_server,
        relay_only=stream.relay_only,
        packets=(stream.evidence or settings.evidence) is not None,
    )


def _open(settings: WatchSettings, outputs: Outputs) -> tuple[list[_Opened], list[tuple[Room, StreamSettings]], int]:
    """Return the sources that can be tried, with their names, the rooms, and how many are neither."""
    opened: list[_Opened] = []
    rooms: list[tuple[Room, StreamSettings]] = []
    failed = 0
    for stream in settings.streams:
        taken = {name for name, _, _ in opened}
        try:
            room = open_room(stream.url, options_of(stream, settings), stream.title)
            if room is not None:
                room.name = stream.name or room.name
                rooms.append((room, stream))
                continue
            source = open_source(stream.url, options_of(stream, settings))
        except SourceError as error:
            failed += 1
            outputs.absent(free(public(stream), taken), error)
        else:
            opened.append((free(stream.name or source.name, taken), source, stream))
    return opened, rooms, failed
