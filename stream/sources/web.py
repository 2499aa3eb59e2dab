"""HLS, and files of the web whose address does not say that they are: paced by their time stamps, ended at their end.

They come in bursts, a segment or all at once, and would overrun whoever watches them as they come.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath
from typing import cast
from urllib.parse import urlsplit

from av.container import InputContainer

from ..errors import SourceError
from ..redaction import public_name
from .base import Item, SourceOptions
from .file import paced
from .hls import read_playlist
from .libav import AvSource
from .reconnect import Connection, StalledError
from .timestamps import Timeline

_LATE = 3.0
"A segment that is not there after so many times the longest duration of one is missed."
_LIVE = {"live_start_index": "-2"}
"Where a live playlist is entered, in segments from its end; the third last may be gone by the time that it is due."


class WebSource(AvSource):
    """An address that FFmpeg reads over HTTP.

    Args:
        url: of a playlist, a file or a stream.
        options: how it is watched; with the pace `fast` its reader is waited for, and nothing else.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        super().__init__(public_name(url), url, options, resumable=False)
        self.live = options.pace == "realtime"
        self._hls = PurePosixPath(urlsplit(url).path).suffix.lower() in (".m3u8", ".m3u")
        self._whole = False
        "Its end is known; it is read once."
        self._stale: str | None = None
        "The playlist after which nothing more came."

    def _connect(self, timeline: Timeline, number: int) -> Connection:
        if self._hls:
            self._look()
        container = self._try(_LIVE if self._hls else {})
        if "hls" in container.format.name.split(",") and not self._hls:
            # Opened again, now that it is known how long to wait for a segment.
            container.close()
            self._hls = True
            return self._connect(timeline, number)
        self._whole = container.duration is not None or (not self._hls and _size(container) > 0)
        read = self._read(container, timeline, number)
        return _Paced(self, read, pace=self._options.pace == "realtime")

    def _look(self) -> None:
        """Read the playlist. Raises SourceError where nothing came after it, and it is as it was."""
        playlist = read_playlist(self._file)
        if playlist is None:
            return
        self._stall = max(self._options.stall, _LATE * playlist.target)
        if playlist.text == self._stale:
            raise SourceError(f"{self.name}: the playlist does not grow")
        self._stale = None

    def missed(self) -> None:
        """Remember the playlist, after which nothing came: its segments are not to be shown again."""
        playlist = read_playlist(self._file) if self._hls else None
        self._stale = None if playlist is None else playlist.text

    def _over(self) -> str:
        if self._hls and not self._whole:
            playlist = read_playlist(self._file)
            self._whole = playlist is not None and playlist.ended
            self._stale = None if playlist is None else playlist.text
        return "end of the stream" if self._whole else ""


class _Paced:
    """A connection whose items are held back until their time has come."""

    def __init__(self, source: WebSource, connection: Connection, *, pace: bool) -> None:
        self._source, self._connection, self._pace = source, connection, pace

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Connection.items`."""
        items = self._connection.items(stop)
        try:
            # What says None, that nothing came for a while, goes through as it is.
            yield from paced(cast(Iterator[Item], items), stop) if self._pace else items
        except StalledError:
            self._source.missed()
            raise

    def close(self) -> None:
        """See `Connection.close`."""
        self._connection.close()


def _size(container: InputContainer) -> int:
    """Return the bytes that the server announces; 0 or less where it does not."""
    try:
        return container.size
    except OSError:
        return 0
