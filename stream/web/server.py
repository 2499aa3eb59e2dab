"""The server of `truefeed serve`. To the watch loop it is a room: publishers come through it, and results go back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from ..errors import ConfigError, MissingExtraError, SourceError
from ..sources import SourceOptions
from ..types import StateChange
from ..webrtc.arrival import Arrival
from ..webrtc.call import Call
from ..webrtc.event_loop import Loop
from ..webrtc.signaling import LONGEST
from .alerts import Alerts
from .app import application
from .options import LOCAL, WebOptions
from .routes import call as call_routes
from .routes import streams as stream_routes
from .services import Services
from .streams import Streams

_STARTING, _LEAVING = 20.0, 8.0
"The server has so long to start, and to say good-bye, s."
_HEARTBEAT = 20.0
"A WebSocket is asked so often whether it is still there, s."


class WebServer:
    """See `Room`.

    Args:
        options: how participants are watched, with the token.
        web: of the interface.
        models: settings of the workers: engine, faces, model, voice_model.
        host: to listen on; anything but loopback needs a token or users.
        port: 0 takes a free one, which is then in `port`.
        certificate: file with certificate and key: HTTPS.
        greet: takes the address of the first page, once it is open.

    Raises:
        ConfigError: no token and no user, a wrong ICE server, a certificate or a folder that can't be used.
    """

    ended = False
    sink = None

    def __init__(
        self,
        options: SourceOptions,
        web: WebOptions,
        models: Mapping[str, Any],
        *,
        host: str = "127.0.0.1",
        port: int = 5000,
        certificate: Path | None = None,
        greet: Callable[[str], None] = lambda url: None,
    ) -> None:
        self.host, self.port = host, port
        self._tls = _check_tls(certificate) if certificate is not None else None
        self.secure = certificate is not None
        self._greet = greet
        web = replace(web, token=options.token or None, secure=self.secure)
        self.services = Services(web, models)
        try:
            if host not in LOCAL and not options.token and not self.services.users.any:
                raise ConfigError(
                    f"--host {host}: set a token first (TRUEFEED_TOKEN), or anyone in the network may listen in"
                )
            self.call = self._room(options)
        except BaseException:
            self.services.close()
            raise
        folders = [web.data / "alerts"] + ([web.evidence] if web.evidence is not None else [])
        self.alerts = Alerts(self.services.database, folders)
        self.streams = Streams(
            self.services.database,
            self.services.hub,
            self.alerts,
            replace(options, packets=True),
            web.limits.streams,
        )
        self.name, self.results = "call", None if self.call is None else self.call.results
        self._loop: Loop | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closed = False

    def _room(self, options: SourceOptions) -> Call | None:
        """Return the room of the calls; without aiortc there are none, only files and cameras."""
        try:
            return Call(options, lambda event: self.services.hub.tell("call", "", event))
        except MissingExtraError:
            return None

    @property
    def url(self) -> str:
        """The address of the first page."""
        host = "localhost" if self.host in LOCAL else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/"

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`."""
        try:
            listening = socket.create_server((self.host, self.port), family=_family(self.host), backlog=128)
        except OSError as error:
            raise SourceError(f"--host {self.host} --port {self.port}: {error.strerror or error}") from None
        self.port = listening.getsockname()[1]
        self._loop = Loop()
        if self.call is not None:
            self.call.start(wake)
        self.services.start()
        self._loop.call(self._serve(listening), _STARTING)
        if self.call is not None:
            self.call.opened(f"{self.url}call")
        self._greet(self.url)

    def arrivals(self) -> list[Arrival]:
        """See `Room.arrivals`."""
        return [] if self.call is None else self.call.arrivals()

    def changes(self) -> list[StateChange]:
        """See `Room.changes`."""
        return [] if self.call is None else self.call.changes()

    def close(self) -> None:
        """See `Room.close`."""
        if self._closed:
            return
        self._closed = True
        self.services.hub.close()
        if self.call is not None:
            self.call.close()
        if self._loop is not None:
            with contextlib.suppress(TimeoutError):
                self._loop.call(self._goodbye(), _LEAVING)
            self._loop.close()
        self.services.close()

    async def _serve(self, listening: socket.socket) -> None:
        routers = [
            stream_routes.router(self.services, self.streams, self.alerts),
            call_routes.router(self.call, self.services.hub) if self.call is not None else call_routes.absent(),
        ]
        app = application(self.services, routers)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=True,
            proxy_headers=False,
            ws="websockets-sansio",
            ws_max_size=LONGEST,
            ws_ping_interval=_HEARTBEAT,
            ws_ping_timeout=_HEARTBEAT / 2,
            timeout_graceful_shutdown=1,
            **(self._tls or {}),
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[listening]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.01)
        if self._serving.done():
            self._serving.result()

    async def _goodbye(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _check_tls(certificate: Path) -> dict[str, Any]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"--certificate {certificate}: {error.strerror or error}") from None
    return {"ssl_certfile": str(certificate)}
