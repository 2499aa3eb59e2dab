"""The server of `truefeed serve`: WHIP, the page of the call, and the results as Server-Sent Events. A room."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ConfigError, SourceError
from ..sinks.jsonl import dumps
from ..sources import SourceOptions
from .deps import check, web
from .ice import configuration
from .results_sink import Results
from .room_base import Members
from .signaling import Switchboard
from .whip import Session, Whip, allowed, refusal

_LISTENERS = 32
_WAITING = 200
"Events that may wait for a slow listener before the oldest goes."
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; "
    "connect-src 'self'; img-src data:; media-src blob: mediastream:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOCAL = ("localhost", "127.0.0.1", "::1")


class CallServer(Members):
    """A room that is entered by publishing to it.

    Args:
        options: how participants are watched, with the token.
        host: to listen on; anything but loopback needs a token.
        port: 0 takes a free one, which is then in `port`.
        certificate: file with certificate and key: HTTPS.

    Raises:
        MissingExtraError: aiortc or aiohttp is absent.
        ConfigError: no token, a wrong ICE server, a certificate that can't be read.
    """

    def __init__(
        self, options: SourceOptions, *, host: str = "127.0.0.1", port: int = 5000, certificate: Path | None = None
    ) -> None:
        check()
        configuration(options)
        if host not in _LOCAL and not options.token:
            raise ConfigError(
                f"--host {host}: set a token first (TRUEFEED_TOKEN), or anyone in the network may listen in"
            )
        super().__init__("call")
        self.host, self.port = host, port
        self.sink = Results(self.tell)
        self.secure = certificate is not None
        self._tls = _tls(certificate) if certificate is not None else None
        self._options = options
        self._token = options.token or None
        self._runner: web.AppRunner | None = None
        self._board = Switchboard()
        self._whip = Whip(options, self.name, self._arrived, self._left)
        self._listeners: set[asyncio.Queue[str]] = set()

    @property
    def url(self) -> str:
        """The address of the page."""
        host = "localhost" if self.host in _LOCAL else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/call"

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`."""
        loop = self._hold(wake)
        try:
            loop.call(self._serve(), 10)
        except OSError as error:
            raise SourceError(f"--host {self.host} --port {self.port}: {error.strerror or error}") from None
        self._tell("online", self.url)

    def tell(self, participant: str | None, event: Mapping[str, Any]) -> None:
        """Pass an event to the listeners, and to the participant whom it is about. From any thread."""
        if self._loop is not None:
            self._loop.soon(self._pass, participant, dumps(event))

    def _pass(self, participant: str | None, text: str) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)
        if participant is not None:
            for session in self._whip.sessions.values():
                if session.name == participant:
                    session.peer.send(text)

    def _arrived(self, session: Session) -> None:
        self._came(session.name, session.source)
        self._pass(None, dumps({"event": "participant", "name": session.name, "present": True}))

    def _left(self, name: str, why: str) -> None:
        self._board.left(name)
        self._pass(None, dumps({"event": "participant", "name": name, "present": False, "detail": why}))

    async def _serve(self) -> None:
        @web.middleware
        async def guard(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=65536)
        app.add_routes(
            [
                web.get("/", self._home),
                web.get("/call", self._page),
                web.get("/events", self._events),
                web.get("/healthz", self._health),
                web.get("/session/{id}/talk", self._talk),
                *self._whip.routes(),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _goodbye(self) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait("")
        await self._whip.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Who may ask: with a token, whoever has it; without one, pages of this very server and programs beside it."""
        origin = request.headers.get("Origin")
        if self._token is None:
            # A page of another site must not reach a server on this machine, by its name (DNS rebinding) or across.
            if request.url.host not in _LOCAL or origin not in (None, f"{request.scheme}://{request.host}"):
                return refusal(403, "this server answers its own pages only; set a token to let others in")
        elif not (request.method == "OPTIONS" or _open(request.path) or allowed(request, self._token)):
            return self._cors(refusal(401, "a token is needed", {"WWW-Authenticate": "Bearer"}), origin)
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            response = refusal(error.status, error.reason, {k: v for k, v in error.headers.items() if k == "Allow"})
        return response if response.prepared else self._cors(response, origin)

    def _cors(self, response: web.StreamResponse, origin: str | None) -> web.StreamResponse:
        if self._token is not None and origin is not None:
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Allow-Methods"] = "POST, PATCH, DELETE, GET, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match"
            response.headers["Access-Control-Expose-Headers"] = "Location, ETag, Link, Accept-Patch"
        return response

    async def _home(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/call")

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _page(self, request: web.Request) -> web.Response:
        page = _read("call.html").replace("/*STYLE*/", _read("call.css"))
        page = page.replace("/*SCRIPT*/", _read("tile.js") + _read("links.js") + _read("call.js"))
        page = page.replace("__TOKEN_NEEDED__", "true" if self._token else "false")
        nonce = secrets.token_urlsafe(12)
        headers = _SAFE | {"Content-Security-Policy": _SAFE["Content-Security-Policy"] % (nonce, nonce)}
        return web.Response(text=page.replace("__NONCE__", nonce), content_type="text/html", headers=headers)

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        session = self._whip.sessions.get(request.match_info["id"])
        return (
            refusal(404, "there is no such session")
            if session is None
            else await self._board.serve(request, session.name)
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if len(self._listeners) >= _LISTENERS:
            return refusal(503, "too many listeners", {"Retry-After": "10"})
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = self._cors(web.StreamResponse(headers=headers), request.headers.get("Origin"))
        await response.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        for session in self._whip.sessions.values():
            queue.put_nowait(dumps({"event": "participant", "name": session.name, "present": True}))
        self._listeners.add(queue)
        try:
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), 10)
                except TimeoutError:
                    await response.write(b": alive\n\n")  # also how a listener's end is noticed
                    continue
                if not text:
                    return response
                await response.write(f"data: {text}\n\n".encode())
        except ConnectionError:
            return response
        finally:
            self._listeners.discard(queue)


def _open(path: str) -> bool:
    """Tell what needs no token. A browser can't send one with a WebSocket; the session's secret ID stands for it."""
    return path in ("/", "/call", "/healthz") or (path.startswith("/session/") and path.endswith("/talk"))


def _read(name: str) -> str:
    return (files(__package__) / "pages" / name).read_text(encoding="utf-8")


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"--certificate {certificate}: {error.strerror or error}") from None
    return context
