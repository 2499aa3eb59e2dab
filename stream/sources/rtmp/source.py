"""A source that others push to us."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Generator
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from ...errors import SourceError
from ...redaction import public_name
from ...types import AudioChunk, Frame, StateChange, StreamState
from ..base import Item, SourceOptions, Tally
from ..container import Session
from ..reconnect import TICK, Ticking
from ..timestamps import Timeline
from .flv import Tags
from .peer import Peer
from .port import Slot, enter, leave

_PORT = 1935
_FIRST = 10.0
"A publisher that was let in has so long to send its first picture or sound, s."
_BOTH = 1.5
"After the first of one kind, the other one is waited for so long, s."
_ANSWER = 5.0
"Each tag that FFmpeg wants to see while it opens the stream is waited for so long, s."
_GONE = 30.0
"A publisher that sends nothing is hung up on after so long, s; once it is stalled another one may take its place."
_REFUSALS = 5.0
"Who was refused is told so often at most, s."
_UNREADABLE = "what the publisher sends can't be read; H.264 with AAC can"
_KINDS = 2
"Pictures and sound."


class RtmpSource(Ticking):
    """Waits for a publisher, watches what it sends, and waits for it to return.

    Args:
        url: `rtmp+listen://HOST:PORT/APP/KEY`; without a key only on loopback.
        options: how it is watched.

    Raises SourceError where the address can't be listened at as it is written.
    """

    live = True

    def __init__(self, url: str, options: SourceOptions) -> None:
        self.name = public_name(url)
        self.tally = Tally()
        self._options = options
        self._state: StreamState = "connecting"
        self._shown = False
        "Somebody has been online."
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", _PORT if parts.port is None else parts.port
        path = [part for part in parts.path.split("/") if part]
        self._slot = Slot("/".join(path), keyless=len(path) < 2)
        self._check(url, len(path))

    def _check(self, url: str, segments: int) -> None:
        if any(mark in url for mark in "?#@"):
            raise SourceError(f"{self.name}: behind the port stands /live/KEY, the key of letters and digits alone")
        if not self._host:
            raise SourceError(f"{self.name}: name the address to listen at, 0.0.0.0 for all of this machine's")
        if segments < 2 and not _is_loopback(self._host):
            raise SourceError(
                f"{self.name}: others can reach this address, so publishers need a key: write /live/KEY behind the "
                "port, with a KEY that nobody guesses (`openssl rand -hex 16` makes one)"
            )

    def run(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Ticking.run`; also raises SourceError where the port can't be listened at."""
        try:
            port = enter(self._host, self._port, self._slot)
        except SourceError as error:
            raise SourceError(f"{self.name}: cannot listen there: {error}") from None
        timeline, publishers, told = Timeline(live=True), 0, 0.0
        try:
            yield StateChange("connecting", "waiting for a publisher", time.monotonic())
            while not stop.is_set():
                peer = self._slot.take(TICK)
                if peer is not None:
                    yield from self._watch(peer, timeline, publishers, stop)
                    publishers += 1
                elif time.monotonic() - told > _REFUSALS and (refused := self._slot.told()):
                    told = time.monotonic()
                    yield StateChange("connecting", f"waiting for a publisher; {refused}", told)
                yield None
        finally:
            leave(port, self._slot)
        yield StateChange("ended", "stopped", time.monotonic())

    def _watch(self, peer: Peer, timeline: Timeline, publishers: int, stop: threading.Event) -> Generator[Item | None]:
        """Yield what one publisher sends, `online` with its first picture and `ended` when it has gone."""
        tags = Tags(peer, stop, audio=self._options.audio)
        why = ""
        try:
            while not stop.is_set() and (tags.waiting or not tags.gone):
                yield from self._gather(tags, stop)
                if tags.waiting:
                    yield from self._read(tags, timeline, publishers, stop)
        except SourceError as error:
            why = str(error)
        except (av.error.FFmpegError, OSError, ValueError, IndexError):
            # The last one is PyAV's, where FFmpeg found a stream that was not there when it was opened.
            why = _UNREADABLE
        finally:
            self._slot.free(peer)
        if not stop.is_set():
            yield from self._turn("ended", f"{why or tags.gone}; waiting for a publisher", time.monotonic())

    def _gather(self, tags: Tags, stop: threading.Event) -> Generator[None]:
        """Wait until there are pictures and sound, or one of them alone for a while. Raises SourceError."""
        began = time.monotonic()
        first: float | None = None
        while not (stop.is_set() or tags.gone):
            now = time.monotonic()
            if tags.waiting and first is None:
                first = now
            if first is not None and (len(tags.seen) == _KINDS or not self._options.audio or now - first > _BOTH):
                return
            if first is None and now - began > _FIRST:
                raise SourceError(f"the publisher sent nothing within {_FIRST:g} s")
            tags.fill(TICK)
            yield None

    def _read(self, tags: Tags, timeline: Timeline, publishers: int, stop: threading.Event) -> Generator[Item | None]:
        """Yield what comes until the publisher goes, or begins to send something else. Raises SourceError."""
        with self._open(tags) as container:
            timeline.restart()
            session = Session(
                container,
                timeline,
                self.tally,
                number=publishers,
                audio=self._options.audio,
                stall=_GONE,
                ready=lambda: tags.ready(TICK),
            )
            heard = time.monotonic()
            for item in session.items(stop):
                now = time.monotonic()
                if isinstance(item, Frame) or ("video" not in tags.seen and isinstance(item, AudioChunk)):
                    heard, self._slot.idle = now, False
                    yield from self._turn("online", "", now)
                elif now - heard > self._options.stall:
                    self._slot.idle = True
                    yield from self._turn("stalled", f"nothing received for {self._options.stall:g} s", now)
                if isinstance(item, StateChange):
                    yield from self._turn(item.state, item.detail, now)
                else:
                    yield item

    def _turn(self, state: StreamState, detail: str, now: float) -> Generator[StateChange]:
        """Yield a change of state, unless it is none; every publisher's end is one."""
        if state == "online" and self._state == "ended":
            self.tally.reconnects += self._shown
        if state != self._state or state == "ended":
            self._state = state
            self._shown = self._shown or state == "online"
            yield StateChange(state, detail, now)

    def _open(self, tags: Tags) -> InputContainer:
        tags.begin(_ANSWER)
        # What the streams are is known from their headers: nothing is collected to find out, or to see another appear.
        options = {"fpsprobesize": "0"}
        if len(tags.seen) < _KINDS:
            options["analyzeduration"] = "100000"
        try:
            return av.open(tags, "r", format="flv", options=options, metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError):
            raise SourceError(_UNREADABLE) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
