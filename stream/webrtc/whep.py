"""WHEP (draft-ietf-wish-whep): subscribe to a stream of a media server by one HTTP POST."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Generator
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ..errors import ConfigError, SourceAuthError, SourceError, SourceNotFoundError
from ..redaction import public_name
from ..sources.base import Item, SourceOptions
from ..sources.reconnect import LiveSource
from ..sources.timestamps import Timeline
from .deps import aiohttp, check
from .event_loop import Loop
from .ice import configuration
from .peer import Peer
from .reader import Reception

_ANSWER = 10.0
"The server has so long to answer, s."
_LARGEST = 65536
"An answer is no longer than this, bytes."


class WhepSource(LiveSource):
    """Subscribes, and subscribes again where the stream ends or stalls.

    Args:
        url: `whep+https://[TOKEN@]HOST/...`; `whep+http://` too, whose token could be read on the way.
        options: with token and ice_servers.

    Raises:
        MissingExtraError: aiortc or aiohttp is absent.
        ConfigError: a wrong --ice-server.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        check()
        super().__init__(public_name(url), options)
        self._url, self._token = split(url, options.token)
        self._peer: Peer | None = None
        configuration(options)  # says now what is wrong

    def report(self) -> dict[str, Any] | None:
        """See `Reporting`."""
        return self._peer.report() if self._peer is not None else None

    def _connect(self, timeline: Timeline, number: int) -> _Subscription:
        loop = Loop()
        peer: Peer | None = None
        try:
            peer, resource = loop.call(self._join(), _ANSWER + 5)
        except TimeoutError:
            loop.close()
            raise SourceError(f"{self.name}: no answer within {_ANSWER:g} s; is the host reachable?") from None
        except BaseException:
            loop.close()
            raise
        self._peer = peer
        reception = Reception(
            peer, timeline, self.tally, stall=self._options.stall, patient=False, audio=self._options.audio
        )
        return _Subscription(loop, peer, reception, resource, token_for(resource, self._url, self._token))

    async def _join(self) -> tuple[Peer, str | None]:
        peer = Peer(configuration(self._options), self.tally, packets=self._options.packets)
        try:
            answer, resource = await self._post(await peer.offer(audio=self._options.audio))
            await peer.accept(answer)
        except BaseException as error:
            await peer.close()
            if isinstance(error, ValueError) and not isinstance(error, SourceError):
                raise SourceError(f"{self.name}: {error}; is this the address of a WHEP stream?") from None
            if isinstance(error, SourceError) and not str(error).startswith(self.name):
                raise SourceError(f"{self.name}: {error}") from None
            raise
        return peer, resource

    async def _post(self, offer: str) -> tuple[str, str | None]:
        headers = {"Content-Type": "application/sdp", "Accept": "application/sdp", **bearer(self._token)}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER)) as session,
                session.post(self._url, data=offer, headers=headers) as response,
            ):
                if response.status not in (200, 201):
                    raise refused(self.name, response.status)
                body = await response.content.read(_LARGEST + 1)
                if len(body) > _LARGEST:
                    raise ValueError("the answer is too long")
                location = response.headers.get("Location")
                return body.decode("utf-8", "replace"), urljoin(str(response.url), location) if location else None
        except TimeoutError:
            raise SourceError(f"{self.name}: no answer within {_ANSWER:g} s; is the host reachable?") from None
        except aiohttp.ClientError as error:
            raise SourceError(f"{self.name}: {_said(error)}") from None


class _Subscription:
    """A connection while it is open."""

    def __init__(self, loop: Loop, peer: Peer, reception: Reception, resource: str | None, token: str | None) -> None:
        self._loop, self._peer, self._reception = loop, peer, reception
        self._resource, self._token = resource, token

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Connection.items`."""
        yield from self._reception.items(stop)

    def close(self) -> None:
        """Leave, and tell the server."""
        with contextlib.suppress(TimeoutError):
            self._loop.call(self._leave(), 4)
        self._loop.close()

    async def _leave(self) -> None:
        if self._resource is not None:
            timeout = aiohttp.ClientTimeout(total=2)
            with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.delete(self._resource, headers=bearer(self._token)),
                ):
                    pass
        await self._peer.close()


def split(url: str, token: str | None) -> tuple[str, str | None]:
    """Return the address to post to and the token, which may stand before the host."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[2]
    user, at, host = parts.netloc.rpartition("@")
    if at:
        token = unquote(user.rpartition(":")[2])
    if not host:
        raise SourceError(f"{public_name(url)}: there is no host in it")
    if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ConfigError("the token holds a blank or a character that HTTP can't carry")
    return parts._replace(scheme=scheme, netloc=host, fragment="").geturl(), token


def token_for(resource: str | None, url: str, token: str | None) -> str | None:
    """Return the token where the resource, which the server has named, lies at the very server it was given for."""
    there, here = urlsplit(resource or ""), urlsplit(url)
    return token if (there.scheme, there.netloc) == (here.scheme, here.netloc) else None


def bearer(token: str | None) -> dict[str, str]:
    """Return the header that carries the token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def refused(name: str, status: int) -> SourceError:
    """Return the error for an HTTP status."""
    if status in (401, 403):
        return SourceAuthError(f"{name}: the server refused the token (set TRUEFEED_TOKEN)")
    if status in (404, 409, 410):
        return SourceNotFoundError(f"{name}: there is no such stream, or nobody publishes to it (HTTP {status})")
    return SourceError(f"{name}: the server answered HTTP {status}")


def _said(error: Exception) -> str:
    """Return what went wrong, without the URL that the library quotes."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "the server's certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host can't be found"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused or unreachable; is the server running on that port?"
    return f"the server broke off ({type(error).__name__})"
