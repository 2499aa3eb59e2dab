"""Janus VideoRoom over its WebSocket: subscribe to every publisher of a room, and follow who comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import SourceAuthError, SourceError, SourceNotFoundError
from ..redaction import HIDDEN, public_name, redact
from ..sources import SourceOptions, Tally
from .deps import check
from .ice import configuration
from .janus_session import JanusError, JanusSession
from .participant import ParticipantSource
from .peer import Peer
from .room_base import Members, unlike

_PLUGIN = "janus.plugin.videoroom"
_AGAIN = (2.0, 30.0)
"A publisher whose connection broke, but who is still in the room, is subscribed to again after so long, s; doubling."
_NO_ROOM, _NOT_ALLOWED = (426,), (403, 405, 428, 433)


@dataclass(eq=False, slots=True)
class _Feed:
    """One publisher of the room."""

    id: Any
    name: str
    peer: Peer | None = None
    handle: int | None = None
    wait: float = _AGAIN[0]


class JanusRoom(Members):
    """A room of a Janus server.

    Args:
        url: `janus+ws://HOST:PORT/[PATH]?room=NUMBER[&pin=PIN]`, or `janus+wss://`.
        options: for each participant; the token goes to Janus.
        title: under which truefeed is seen by those who ask who is in the room.

    Raises:
        MissingExtraError: aiortc or aiohttp is absent.
        SourceError: no room in the URL.
    """

    def __init__(self, url: str, options: SourceOptions, title: str) -> None:
        check()
        configuration(options)
        super().__init__(public_name(url))
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        if "room" not in query or not parts.hostname:
            raise SourceError(f"{self.name}: which room? write janus+ws://HOST:8188/?room=1234")
        room = query["room"][0]
        self._room: int | str = int(room) if room.isdecimal() else room
        self._pin = query.get("pin", [None])[0]
        user, at, host = parts.netloc.rpartition("@")
        self._token = unquote(user.rpartition(":")[2]) if at else options.token
        self._url = f"{parts.scheme.partition('+')[2]}://{host}{parts.path or '/'}"
        self._options, self._title = options, title
        self._feeds: dict[Any, _Feed] = {}
        self._session: JanusSession | None = None

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`."""
        loop = self._hold(wake)
        try:
            loop.call(self._enter(), 12)
        except TimeoutError:
            raise SourceError(f"{self.name}: no answer; is the host reachable?") from None
        loop.soon(lambda: self._begin(self._stay()))

    async def _enter(self) -> None:
        """Open a session, join as one who publishes nothing, and subscribe to all who do."""
        session = JanusSession(self._url, self._token)
        try:
            await session.open()
            handle = await session.attach(_PLUGIN)
            wish = {"request": "join", "ptype": "publisher", "room": self._room, "display": self._title}
            data, _ = await session.ask(handle, wish | ({"pin": self._pin} if self._pin else {}))
            publishers = len(data.get("publishers", []))
        except BaseException as error:
            await session.close()
            if isinstance(error, JanusError):
                raise self._explained(error) from None
            if isinstance(error, Exception) and not isinstance(error, TimeoutError):  # an answer of another shape
                raise SourceError(f"{self.name}: {self._said(error)}") from error
            raise
        session.listen(handle, self._heard)
        self._session = session
        self._tell("online", f"{publishers} publishing")
        self._heard({"plugindata": {"data": data}})

    def _explained(self, error: JanusError) -> SourceError:
        if error.code in _NO_ROOM:
            return SourceNotFoundError(f"{self.name}: there is no such room")
        if error.code in _NOT_ALLOWED:
            return SourceAuthError(f"{self.name}: the server refused the token or the PIN")
        return SourceError(f"{self.name}: {self._said(error)}")

    async def _stay(self) -> None:
        """Wait for the end of the session, then enter again with back-off. No error of a server's ends this."""
        first, last = self._options.backoff
        wait, why = first, "the server is gone"
        while True:
            if self._session is not None:
                await self._session.ended.wait()
                wait, why = first, "the server is gone"
            with contextlib.suppress(Exception):  # it is gone: closing may fail in any way
                await self._empty(why)
            self._tell("retrying", f"{why}; next attempt in {wait:g} s")
            await asyncio.sleep(wait)
            wait = min(wait * 2, last)
            try:
                await asyncio.wait_for(self._enter(), 10)
            except Exception as error:
                why = self._said(error)

    def _said(self, error: Exception) -> str:
        """Return what went wrong, without the name of the room and what lets us in."""
        text = str(error).removeprefix(f"{self.name}: ") or type(error).__name__
        for secret in (self._token, self._pin):
            text = text.replace(secret, HIDDEN) if secret else text
        return redact(text)

    async def _empty(self, why: str) -> None:
        session, self._session = self._session, None
        feeds = list(self._feeds.values())
        self._feeds.clear()
        for feed in feeds:
            if feed.peer is not None:
                await feed.peer.close(why)
        if session is not None:
            await session.close()

    async def _goodbye(self) -> None:
        await self._empty("stopped")

    def _heard(self, message: dict[str, Any]) -> None:
        """Follow who publishes and who leaves."""
        data = message.get("plugindata", {}).get("data", {})
        for told in data.get("publishers", []):
            if isinstance(told, dict) and "id" in told and told["id"] not in self._feeds:
                feed = _Feed(told["id"], self._named(told))
                self._feeds[feed.id] = feed
                self._begin(self._subscribe(feed))
        for word in ("leaving", "unpublished"):
            gone = self._feeds.pop(data.get(word), None)
            if gone is not None:
                self._begin(self._drop(gone, "left"))
        if data.get("videoroom") == "destroyed" and self._session is not None:
            self._session.ended.set()

    def _named(self, told: dict[str, Any]) -> str:
        return unlike(str(told.get("display") or told["id"]), {feed.name for feed in self._feeds.values()})

    async def _subscribe(self, feed: _Feed) -> None:
        session, tally = self._session, Tally()
        if session is None:
            return
        peer = Peer(configuration(self._options), tally, packets=self._options.packets)
        try:
            feed.handle = await session.attach(_PLUGIN)
            wish = {"request": "join", "ptype": "subscriber", "room": self._room, "streams": [{"feed": feed.id}]}
            _, offer = await session.ask(feed.handle, wish | ({"pin": self._pin} if self._pin else {}))
            answer = await peer.answer(offer["sdp"] if offer else "")
            start = {"request": "start", "room": self._room}
            await session.ask(feed.handle, start, {"type": "answer", "sdp": answer})
        except Exception as error:  # a server may answer anything; the others go on, and this one is tried again
            await peer.close(str(error))
            self._tell("stalled", f"{feed.name} can't be received: {self._said(error)}", feed.name)
            self._lost(feed)
            return
        feed.peer = peer
        source = ParticipantSource(
            f"{self.name}#{feed.name}",
            peer,
            tally,
            stall=self._options.stall,
            leave=lambda why: self._left(feed, peer, why),
            audio=self._options.audio,
            signalled=True,
        )
        self._came(feed.name, source)

    def _left(self, feed: _Feed, peer: Peer, why: str) -> None:
        loop = self._loop
        if loop is not None and feed.peer is peer:
            loop.soon(lambda: self._begin(self._over(feed, peer, why)))

    async def _over(self, feed: _Feed, peer: Peer, why: str) -> None:
        if feed.peer is peer:
            await self._drop(feed, why)
            self._lost(feed)

    async def _drop(self, feed: _Feed, why: str) -> None:
        peer, handle = feed.peer, feed.handle
        feed.peer = feed.handle = None
        if peer is not None:
            await peer.close(why)
        if handle is not None and self._session is not None:
            await self._session.detach(handle)

    def _lost(self, feed: _Feed) -> None:
        """Somebody still publishes whom we no longer receive."""

        async def again() -> None:
            await asyncio.sleep(feed.wait)
            feed.wait = min(feed.wait * 2, _AGAIN[1])
            if self._feeds.get(feed.id) is feed and feed.peer is None:
                await self._subscribe(feed)

        if self._feeds.get(feed.id) is feed:
            self._begin(again())
