"""Media files, read to their end: paced as if live, or as fast as the consumer takes them."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import av
from av.container import InputContainer

from ..errors import SourceError, SourceNotFoundError
from ..redaction import displayable, public_name, redact
from ..types import AudioChunk, Frame, StateChange
from .base import Chooser, Item, SourceOptions, Tally
from .container import Session
from .coverage import Coverage
from .isobmff import sample_entries
from .libav import explain
from .pipe import Pipe
from .selection import Track, UndecodableError
from .timestamps import Timeline

_ANSWER = 10.0
"A web server has so long to answer, s."
_HOLE = 10.0
"Nothing is held back for longer than this, s."


class FileSource:
    """A video or sound file.

    Args:
        file: its path, or the URL of one on a web server.
        name: what to call it, in place of the path.
        only: the index of the one track to read; None for the first pictures and the first sound.
        chooser: says which pictures are wanted; None: all.
    """

    live = False

    def __init__(
        self,
        file: Path | str,
        options: SourceOptions,
        *,
        name: str | None = None,
        only: int | None = None,
        chooser: Chooser | None = None,
    ) -> None:
        self.name = name or (public_name(file) if isinstance(file, str) else displayable(str(file)))
        self.tally = Tally()
        self._file = file
        self._options = options
        self._only = only
        self._chooser = chooser
        self._pipe: Pipe | None = None
        self.coverage = Coverage(path=file if isinstance(file, Path) else None)
        "How much could not be read, once it ended."
        self.others: tuple[Track, ...] = ()
        "Its tracks that are not read, once it is open."

    def close(self) -> None:
        """See `Source.close`; the generator closes all but a pipe."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`; raises SourceError where the file can't be read as media."""
        yield StateChange("connecting", arrived=time.monotonic())
        with self._open(stop) as container:
            length = container.duration / 1e6 if container.duration else None
            timeline = Timeline(live=False, length=length)
            if self._chooser is not None:
                self._chooser.length = length
            try:
                session = Session(
                    *(container, timeline, self.tally),
                    audio=self._options.audio,
                    only=self._only,
                    coverage=self.coverage,
                    chooser=self._chooser,
                )
                self.others = session.others
                items = self._read(container, session, stop)
                yield from paced(items, stop) if self._options.pace == "realtime" else items
            except UndecodableError as error:
                raise SourceError(f"{self.name}: {error} ({self._coding(error.index)})") from None
            except SourceError as error:
                raise SourceError(f"{self.name}: {error}") from None
            except (av.error.FFmpegError, ValueError, OSError) as error:
                raise SourceError(f"{self.name}: {self._why(error)}") from None
        yield StateChange("ended", "stopped" if stop.is_set() else "end of the file", time.monotonic())

    def _read(self, container: InputContainer, session: Session, stop: threading.Event) -> Iterator[Item]:
        """Yield what comes; an error after something came is the end of what can be read."""
        try:
            for item in session.items(stop):
                if item is not None:
                    yield item
        except (av.error.FFmpegError, ValueError, OSError):
            if not self.coverage.good:
                raise
            self.coverage.broke(container)

    def _coding(self, track: int) -> str:
        """Name the coding of a track that FFmpeg knows no decoder for."""
        known = sample_entries(self._file) if isinstance(self._file, Path) else []
        name = known[track] if track < len(known) and known[track] else "a coding that is not known"
        return f"{name}: encrypted" if name in ("encv", "enca") else name

    def _why(self, error: Exception) -> str:
        if isinstance(self._file, str) and getattr(error, "errno", None) == errno.EIO:
            # MP4 with its index at the end: what comes before it has to be read after it.
            return "the server broke off, or it gives no part of a file where one is asked for; download it first"
        return redact(str(getattr(error, "strerror", None) or error))

    def _format(self) -> str | None:
        """Name the format where FFmpeg would go by the suffix: a film of JPEGs may be called a JPEG."""
        assert isinstance(self._file, Path)
        with self._file.open("rb") as file:
            return "mjpeg" if file.read(3) == b"\xff\xd8\xff" else None

    def _open(self, stop: threading.Event) -> InputContainer:
        if isinstance(self._file, str):
            try:
                return av.open(self._file, timeout=_ANSWER, metadata_errors="replace")
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise explain(self.name, error) from None
        if self._file.is_dir():
            raise SourceError(f"{self.name}: is a folder, not a file")
        try:
            # The plain path would be taken for a URL or a pattern where it looks like one, and many an old file's tags
            # are no UTF-8.
            if self._file.is_fifo():
                self._pipe = Pipe(self._file, stop)
                return av.open(self._pipe, "r", metadata_errors="replace")
            options = {"pattern_type": "none"}
            return av.open(f"file:{self._file}", format=self._format(), options=options, metadata_errors="replace")
        except FileNotFoundError:
            raise SourceNotFoundError(f"{self.name}: no such file") from None
        except PermissionError:
            raise SourceError(f"{self.name}: permission denied") from None
        except EOFError:
            raise SourceError(f"{self.name}: there is nothing in it") from None
        except (av.error.FFmpegError, ValueError) as error:
            if self._file.is_file() and self._file.stat().st_size == 0:
                raise SourceError(f"{self.name}: the file is empty") from None
            text = "it is cut short or no media file" if isinstance(error, ValueError) else str(error.strerror)
            raise SourceError(f"{self.name}: {text}") from None


def paced(items: Iterator[Item], stop: threading.Event) -> Iterator[Item]:
    """Hold frames and sound back until their time has come on the wall clock; a late consumer is caught up with.

    A hole of hours, which is a broken timestamp, is not waited for.
    """
    start: float | None = None
    for item in items:
        if isinstance(item, Frame | AudioChunk):
            now = time.monotonic()
            if start is None:
                start = now - item.t
            start = min(start, now - item.t + _HOLE)
            if start + item.t > now and stop.wait(start + item.t - now):
                return
            item = replace(item, arrived=max(now, start + item.t))
        yield item
