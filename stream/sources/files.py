"""Media files, read to their end: paced as if live, or as fast as the consumer takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import av
from av.container import InputContainer

from ..errors import SourceError, SourceNotFoundError
from ..values import AudioChunk, Frame, StateChange
from .base import Item, SourceOptions, Tally
from .demux import Session
from .timeline import Timeline


class FileSource:
    """A video or sound file."""

    live = False

    def __init__(self, path: Path, options: SourceOptions, *, name: str | None = None) -> None:
        self.name = name or str(path)
        self.tally = Tally()
        self._path = path
        self._options = options

    def close(self) -> None:
        """Do nothing: the generator closes what it opened."""

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`; raises SourceError where the file can't be read as media."""
        yield StateChange("connecting", arrived=time.monotonic())
        with self._open() as container:
            length = container.duration / 1e6 if container.duration else None
            try:
                session = Session(container, Timeline(live=False, length=length), self.tally, audio=self._options.audio)
                items = session.items(stop)
                yield from paced(items, stop) if self._options.pace == "realtime" else items
            except SourceError as error:
                raise SourceError(f"{self.name}: {error}") from None
            except (av.error.FFmpegError, ValueError, OSError) as error:
                raise SourceError(f"{self.name}: {getattr(error, 'strerror', None) or error}") from None
        yield StateChange("ended", "stopped" if stop.is_set() else "end of the file", time.monotonic())

    def _open(self) -> InputContainer:
        if self._path.is_dir():
            raise SourceError(f"{self.name}: is a folder, not a file")
        try:
            # The plain path would be taken for a URL or a pattern where it looks like one.
            return av.open(f"file:{self._path}", options={"pattern_type": "none"})
        except FileNotFoundError:
            raise SourceNotFoundError(f"{self.name}: no such file") from None
        except PermissionError:
            raise SourceError(f"{self.name}: permission denied") from None
        except (av.error.FFmpegError, ValueError) as error:
            if self._path.is_file() and self._path.stat().st_size == 0:
                raise SourceError(f"{self.name}: the file is empty") from None
            text = "it is cut short or no media file" if isinstance(error, ValueError) else str(error.strerror)
            raise SourceError(f"{self.name}: {text}") from None


def paced(items: Iterator[Item], stop: threading.Event) -> Iterator[Item]:
    """Hold frames and sound back until their time has come on the wall clock; a late consumer is caught up with."""
    start: float | None = None
    for item in items:
        if isinstance(item, Frame | AudioChunk):
            now = time.monotonic()
            if start is None:
                start = now - item.t
            if start + item.t > now and stop.wait(start + item.t - now):
                return
            item = replace(item, arrived=max(now, start + item.t))
        yield item
