"""WHIP (RFC 9725): who POSTs an offer here becomes a participant."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ..errors import SourceError
from ..sources.base import SourceOptions, Tally
from .ice import configuration, links
from .participant import ParticipantSource
from .peer import Peer
from .room_base import unlike
from .sdp_offer import faster, trickle, ufrag, wrong

_LARGEST = 65536
"Of an offer, bytes."
MOST = 16
"Participants at once."
_SDP, _FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"


Body = AsyncIterator[bytes]
"A request's, piece by piece."
_LATER = ("Retry-After", "10")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever speaks HTTP."""

    status: int
    text: str = ""
    kind: str = "text/plain"
    headers: Sequence[tuple[str, str]] = ()


@dataclass(eq=False, slots=True)
class Session:
    """One publisher."""

    name: str
    peer: Peer
    source: ParticipantSource
    etag: str
    fragment: str
    "User name of the ICE session that the offer began."


class Whip:
    """The sessions, and the answers to their HTTP requests. Lives in the event loop.

    Args:
        options: how participants are watched; the token is asked of everyone where it is set.
        room: what the sources' names begin with.
        arrived: called with each new session.
        left: called with the name and the reason of each that has ended.
    """

    def __init__(
        self,
        options: SourceOptions,
        room: str,
        arrived: Callable[[Session], None],
        left: Callable[[str, str], None],
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self._options, self._room, self._arrived, self._left = options, room, arrived, left
        self._leaving: set[asyncio.Task[None]] = set()
        self._opening = 0

    def options(self, *, trusted: bool) -> Reply:
        """Tell what is taken here (and, where CORS asks, that it is).

        Args:
            trusted: whether whoever asks may publish: TURN credentials are for those; a browser asks first, without its
                token.
        """
        headers = [("Accept-Post", _SDP), ("Accept-Patch", _FRAGMENT)]
        if trusted:
            headers += [("Link", link) for link in links(self._options.ice_servers)]
        return Reply(204, headers=headers)

    async def publish(self, wish: str | None, kind: str, body: Body) -> Reply:
        """Take an offer: 201 with the answer.

        Args:
            wish: what the publisher wants to be called.
            kind: the content type, without parameters.
            body: the offer, as it comes.
        """
        if kind != _SDP:
            return refusal(415, f"send the offer as {_SDP}")
        data = await _all(body)
        if data is None:
            return refusal(413, "the offer is too long")
        offer = data.decode("utf-8", "replace")
        refused = wrong(offer)
        if refused is not None:
            return refusal(*refused)
        if len(self.sessions) + self._opening >= MOST:
            return refusal(503, "the room is full", [_LATER])
        self._opening += 1
        try:
            return await self._open(_named(wish), offer)
        finally:
            self._opening -= 1

    async def _open(self, wish: str, offer: str) -> Reply:
        tally = Tally()
        peer = Peer(configuration(self._options), tally, packets=self._options.packets)
        try:
            async with asyncio.timeout(10):
                answer = await peer.answer(offer)
        except ValueError as error:
            await peer.close()
            return refusal(400, str(error))
        except SourceError as error:
            await peer.close()
            return refusal(503, str(error), [_LATER])
        except BaseException:
            await peer.close()
            raise
        loop = asyncio.get_running_loop()
        key, name = secrets.token_urlsafe(18), unlike(wish, {session.name for session in self.sessions.values()})
        source = ParticipantSource(
            f"{self._room}#{name}",
            peer,
            tally,
            stall=self._options.stall,
            leave=lambda why: _soon(loop, self.leave, key, why),
            audio=self._options.audio,
        )
        session = Session(name, peer, source, f'"{secrets.token_hex(8)}"', ufrag(offer))
        self.sessions[key] = session
        self._arrived(session)
        headers = [("Location", f"/session/{key}"), ("ETag", session.etag), ("Accept-Patch", _FRAGMENT)]
        headers += [("Link", link) for link in links(self._options.ice_servers)]
        return Reply(201, faster(answer), _SDP, headers)

    async def patch(self, key: str, kind: str, condition: str | None, body: Body) -> Reply:
        """Take trickled candidates: 204. ICE restarts are not supported: 422, after which a client posts anew.

        Args:
            key: of the session.
            kind: the content type, without parameters.
            condition: If-Match.
            body: the candidates, as they come.
        """
        session = self.sessions.get(key)
        if session is None:
            return refusal(404, "there is no such session")
        if kind != _FRAGMENT:
            return refusal(415, f"send candidates as {_FRAGMENT}")
        data = await _all(body)
        if data is None:
            return refusal(413, "too long")
        text = data.decode("utf-8", "replace")
        restart = ufrag(text) not in ("", session.fragment)
        if restart or condition == "*":
            return refusal(422, "ICE restart is not supported: publish again")
        if condition is None:
            return refusal(428, "If-Match is missing")
        if condition != session.etag:
            return refusal(412, "this session has another ETag")
        try:
            await trickle(session.peer, text)
        except (ValueError, IndexError, AssertionError, KeyError):
            return refusal(400, "no usable candidates")
        return Reply(204, headers=[("ETag", session.etag)])

    def delete(self, key: str) -> Reply:
        """End a session."""
        if key not in self.sessions:
            return refusal(404, "there is no such session")
        self.leave(key, "left")
        return Reply(200)

    def leave(self, key: str, why: str) -> None:
        """End a session; nothing happens where it has ended."""
        session = self.sessions.pop(key, None)
        if session is None:
            return
        self._left(session.name, why)
        task = asyncio.ensure_future(session.peer.close(why))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """End every session."""
        for key in list(self.sessions):
            self.leave(key, "the server stops")
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=3)


def refusal(status: int, why: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """Return an error in a line of plain text."""
    return Reply(status, f"{why}\n", headers=headers)


async def _all(body: Body) -> bytes | None:
    """Return a whole body; None where it is too long."""
    data = b""
    async for piece in body:
        data += piece
        if len(data) > _LARGEST:
            return None
    return data


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)


def _named(wish: str | None) -> str:
    return re.sub(r"[^\w .'-]+", "", wish or "guest").strip()[:40] or "guest"
