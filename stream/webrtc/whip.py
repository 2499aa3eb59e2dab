"""WHIP (RFC 9725): who POSTs an offer here becomes a participant."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import SourceError
from ..sources.base import SourceOptions, Tally
from .deps import web
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
    """The sessions, and the handlers of their HTTP requests. Lives in the event loop.

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

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what to serve."""
        return [
            web.post("/whip", self.publish),
            web.post("/whip/{name}", self.publish),
            web.route("OPTIONS", "/whip", self.options),
            web.route("OPTIONS", "/whip/{name}", self.options),
            web.route("OPTIONS", "/session/{id}", self.options),
            web.patch("/session/{id}", self.patch),
            web.delete("/session/{id}", self.delete),
        ]

    async def options(self, request: web.Request) -> web.Response:
        """Tell what is taken here (and, where CORS asks, that it is)."""
        headers = {"Accept-Post": _SDP, "Accept-Patch": _FRAGMENT}
        response = web.Response(status=204, headers=headers)
        # TURN credentials are for those who may publish; a browser asks first, without its token.
        if self._options.token is None or allowed(request, self._options.token):
            for link in links(self._options.ice_servers):
                response.headers.add("Link", link)
        return response

    async def publish(self, request: web.Request) -> web.Response:
        """Take an offer: 201 with the answer."""
        if request.content_type != _SDP:
            return refusal(415, f"send the offer as {_SDP}")
        if (request.content_length or 0) > _LARGEST:
            return refusal(413, "the offer is too long")
        body = await request.content.read(_LARGEST + 1)
        while body and len(body) <= _LARGEST and (more := await request.content.read(_LARGEST)):
            body += more
        if len(body) > _LARGEST:
            return refusal(413, "the offer is too long")
        offer = body.decode("utf-8", "replace")
        refused = wrong(offer)
        if refused is not None:
            return refusal(*refused)
        if len(self.sessions) + self._opening >= MOST:
            return refusal(503, "the room is full", {"Retry-After": "10"})
        self._opening += 1
        try:
            return await self._open(_named(request), offer)
        finally:
            self._opening -= 1

    async def _open(self, wish: str, offer: str) -> web.Response:
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
            return refusal(503, str(error), {"Retry-After": "10"})
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
        headers = {"Location": f"/session/{key}", "ETag": session.etag, "Accept-Patch": _FRAGMENT}
        response = web.Response(status=201, text=faster(answer), content_type=_SDP, headers=headers)
        for link in links(self._options.ice_servers):
            response.headers.add("Link", link)
        return response

    async def patch(self, request: web.Request) -> web.Response:
        """Take trickled candidates: 204. ICE restarts are not supported: 422, after which a client posts anew."""
        session = self.sessions.get(request.match_info["id"])
        if session is None:
            return refusal(404, "there is no such session")
        if request.content_type != _FRAGMENT:
            return refusal(415, f"send candidates as {_FRAGMENT}")
        body = await request.content.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            return refusal(413, "too long")
        text = body.decode("utf-8", "replace")
        restart = ufrag(text) not in ("", session.fragment)
        condition = request.headers.get("If-Match")
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
        return web.Response(status=204, headers={"ETag": session.etag})

    async def delete(self, request: web.Request) -> web.Response:
        """End a session."""
        if request.match_info["id"] not in self.sessions:
            return refusal(404, "there is no such session")
        self.leave(request.match_info["id"], "left")
        return web.Response(status=200)

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


def allowed(request: web.Request, token: str) -> bool:
    """Tell whether a request carries the token."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def refusal(status: int, why: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error in a line of plain text."""
    return web.Response(status=status, text=f"{why}\n", headers=headers)


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)


def _named(request: web.Request) -> str:
    wish = request.match_info.get("name") or request.query.get("name") or "guest"
    return re.sub(r"[^\w .'-]+", "", wish).strip()[:40] or "guest"
