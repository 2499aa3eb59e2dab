"""A room of a LiveKit server, through its own SDK: receive every participant, and send back what is thought of each."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import SourceAuthError, SourceError, SourceNotFoundError
from ..redaction import HIDDEN, encodable, public_name, redact
from ..sinks.jsonl import dumps
from ..sources import SourceOptions, Tally
from . import livekit_token
from .ice import parse
from .livekit_feed import Feed, sdk
from .participant import ParticipantSource
from .results_sink import Results
from .room_base import Members, unlike

if TYPE_CHECKING:
    from livekit import rtc

TOPIC = "truefeed"
"Of the data packets."
_JOIN = 12.0
_PACKET = 1200
"A larger event, bytes, goes reliably, which may be cut into several packets."
_OUT = ("DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "ROOM_DELETED", "USER_REJECTED")
"Who was shown the door does not knock again."


@dataclass(eq=False, slots=True)
class _Member:
    """One participant who publishes."""

    identity: str
    name: str
    feed: Feed
    tracks: dict[str, str] = field(default_factory=dict)
    "video, audio -> ID of the publication that is watched."


class LiveKitRoom(Members):
    """A room of a LiveKit server.

    Args:
        url: `livekit+wss://HOST/[ROOM][?host=IDENTITY]`; who is named so gets everybody's results.
        options: for each participant; the token is LiveKit's.
        title: the name under which truefeed is seen, where the token lets it be set.

    Raises:
        MissingExtraError: the SDK is absent.
        SourceError: no host, no token, or one that can't be right.
    """

    def __init__(self, url: str, options: SourceOptions, title: str) -> None:
        sdk()
        super().__init__(public_name(url))
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        if not host:
            raise SourceError(f"{self.name}: there is no host in it")
        self._token = unquote(user.rpartition(":")[2]) if at else options.token or ""
        self._grant = livekit_token.read(self.name, self._token, unquote(parts.path.strip("/")) or None)
        self._url = f"{parts.scheme.partition('+')[2]}://{host}"
        self._host = parse_qs(parts.query).get("host", [None])[0]
        self._servers = [parse(server) for server in options.ice_servers]
        self._options, self._title = options, title
        self._room: rtc.Room | None = None
        self._members: dict[str, _Member] = {}
        self._over = asyncio.Event()

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`."""
        loop = self._hold(wake)
        try:
            loop.call(self._enter(loop.asyncio), _JOIN)
        except TimeoutError:
            raise SourceError(f"{self.name}: no answer within {_JOIN:g} s; is the host reachable?") from None
        loop.soon(lambda: self._begin(self._stay(loop.asyncio)))

    async def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        rtc = sdk()
        room = rtc.Room(loop=loop)
        self._follow(room)
        servers = [
            rtc.IceServer(urls=[url], username=user or "", password=word or "") for url, user, word in self._servers
        ]
        way = rtc.IceTransportType.TRANSPORT_RELAY if self._options.relay_only else rtc.IceTransportType.TRANSPORT_ALL
        options = rtc.RoomOptions(rtc_config=rtc.RtcConfiguration(ice_transport_type=way, ice_servers=servers))
        self._over.clear()
        try:
            await room.connect(self._url, self._token, options)
        except rtc.ConnectError as error:
            raise self._explained(str(error.message)) from None
        self._room = room
        with contextlib.suppress(Exception):  # the token need not allow it; then the name is the token's
            await asyncio.wait_for(room.local_participant.set_name(self._title), 3)
        seen = "hidden from the others by its token" if self._grant.hidden else f"seen as {self._title!r}"
        self._tell("online", f"{len(room.remote_participants)} others in the room, {seen}")

    def _explained(self, text: str) -> SourceError:
        text = redact(text.replace(self._token, "***"))[:200]
        low = text.lower()
        if any(word in low for word in ("401", "403", "unauthorized", "permission", "invalid token", "api key")):
            return SourceAuthError(f"{self.name}: the server refused the token")
        if "404" in low or "not found" in low:
            return SourceNotFoundError(f"{self.name}: there is no such room, or no LiveKit there")
        if any(word in low for word in ("refused", "connect error", "dns", "resolve", "lookup", "os error")):
            return SourceError(f"{self.name}: connection refused or unreachable; is LiveKit running there?")
        return SourceError(f"{self.name}: {text}")

    def _follow(self, room: rtc.Room) -> None:
        room.on("track_subscribed", self._subscribed)
        room.on("track_unsubscribed", self._unsubscribed)
        room.on("participant_disconnected", lambda who: self._gone(who.identity, "left"))
        room.on("reconnecting", lambda: self._flow(False))
        room.on("reconnected", lambda: self._flow(True))
        room.on("disconnected", lambda why: self._lost(room, why))

    def _flow(self, connected: bool) -> None:
        for member in self._members.values():
            member.feed.connected = connected
        self._tell("online" if connected else "retrying", "" if connected else "the connection is being restored")

    def _subscribed(self, track: Any, publication: Any, who: Any) -> None:
        video = track.kind == sdk().TrackKind.KIND_VIDEO
        kind = "video" if video else "audio"
        member = self._members.get(who.identity) or self._arrived(who)
        if kind in member.tracks and member.tracks[kind] != publication.sid:
            publication.set_subscribed(False)  # a shared screen beside the camera
            return
        member.tracks[kind] = publication.sid
        member.feed.watch(track, video=video)

    def _arrived(self, who: Any) -> _Member:
        tally = Tally()
        name = unlike(str(who.name or who.identity), {m.name for m in self._members.values()})
        member = _Member(who.identity, name, Feed(tally))
        self._members[who.identity] = member
        loop = self._loop

        def leave(why: str) -> None:
            if loop is not None:
                loop.soon(self._gone, member.identity, why, member)

        source = ParticipantSource(
            f"{self.name}#{name}",
            member.feed,
            tally,
            stall=self._options.stall,
            leave=leave,
            audio=self._options.audio,
            signalled=True,
        )
        self._came(name, source, Results(partial(self._report, member)) if self._grant.speaks else None)
        return member

    def _unsubscribed(self, track: Any, publication: Any, who: Any) -> None:
        member = self._members.get(who.identity)
        for kind in ("video", "audio"):
            if member is not None and member.tracks.get(kind) == publication.sid:
                del member.tracks[kind]
                member.feed.release(video=kind == "video")

    def _gone(self, identity: str, why: str, only: _Member | None = None) -> None:
        member = self._members.get(identity)
        if member is not None and only in (None, member):
            del self._members[identity]
            self._begin(member.feed.close(why))

    def _lost(self, room: rtc.Room, why: Any) -> None:
        if room is not self._room:
            return
        reason = _reason(why)
        self._room = None
        for identity in list(self._members):
            self._gone(identity, "the connection to the room is gone")
        if reason in _OUT:
            self._tell("ended", f"LiveKit ended it: {reason.lower().replace('_', ' ')}")
            self.ended = True
            self._rouse()
        else:
            self._over.set()

    async def _stay(self, loop: asyncio.AbstractEventLoop) -> None:
        """Where the SDK gave up, enter again with back-off."""
        first, last = self._options.backoff
        wait, why = first, "the server is gone"
        while True:
            await self._over.wait()
            self._tell("retrying", f"{why}; next attempt in {wait:g} s")
            await asyncio.sleep(wait)
            wait = min(wait * 2, last)
            try:
                await asyncio.wait_for(self._enter(loop), _JOIN)
                wait, why = first, "the server is gone"
            except Exception as error:  # whatever the SDK raised
                why = redact(str(error).removeprefix(f"{self.name}: ").replace(self._token, HIDDEN)) or why
                self._over.set()

    def _report(self, member: _Member, event: Mapping[str, Any]) -> None:
        loop = self._loop
        if loop is not None and event.get("event") in ("verdict", "alert"):
            loop.soon(lambda: self._begin(self._send(member, dumps(event), event["event"] == "alert")))

    async def _send(self, member: _Member, text: str, sure: bool) -> None:
        room = self._room
        # Who left and came again, or another of the same name, is another member.
        to = [member.identity] if self._members.get(member.identity) is member else []
        to += [self._host] if self._host is not None else []
        if room is None or not to:
            return
        data = encodable(text).encode()
        with contextlib.suppress(Exception):  # the SDK raises no other; the next verdict is a moment away
            await room.local_participant.publish_data(
                data, reliable=sure or len(data) > _PACKET, destination_identities=to, topic=TOPIC
            )

    async def _goodbye(self) -> None:
        room, self._room = self._room, None
        members, self._members = list(self._members.values()), {}
        await asyncio.gather(*(m.feed.close("stopped") for m in members), return_exceptions=True)
        if room is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(room.disconnect(), 4)


def _reason(why: Any) -> str:
    try:
        return str(sdk().DisconnectReason.Name(why))
    except (TypeError, ValueError):
        return str(why)
