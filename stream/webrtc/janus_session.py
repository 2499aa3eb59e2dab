"""A session of the Janus API over a WebSocket (subprotocol janus-protocol): questions, answers, events."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from .deps import aiohttp

_ANSWER = 8.0
"The server has so long to answer, s."
_KEEP = 25.0
"Janus forgets a session that was silent for a minute, s."


class JanusError(Exception):
    """The server, or the way to it, said no."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class JanusSession:
    """A session; belongs to the event loop."""

    def __init__(self, url: str, token: str | None) -> None:
        self.ended = asyncio.Event()
        "Set once the server is gone."
        self._url, self._token = url, token
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._id: int | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect and create the session. Raises JanusError."""
        self._http = aiohttp.ClientSession()
        try:
            self._socket = await asyncio.wait_for(
                self._http.ws_connect(
                    self._url,
                    protocols=("janus-protocol",),
                    max_msg_size=1 << 20,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1),
                ),
                _ANSWER,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise JanusError(f"no Janus WebSocket there (HTTP {error.status})", error.status) from None
        except (aiohttp.ClientError, OSError):
            raise JanusError("connection refused or unreachable; is Janus running on that port?") from None
        except TimeoutError:
            raise JanusError(f"no answer within {_ANSWER:g} s; is the host reachable?") from None
        if self._socket.protocol != "janus-protocol":
            raise JanusError("the server does not speak the Janus protocol")
        self._tasks.append(asyncio.ensure_future(self._read()))
        self._id = _id(await self._send({"janus": "create"}))
        self._tasks.append(asyncio.ensure_future(self._keep()))

    async def attach(self, plugin: str) -> int:
        """Return a new handle of a plugin."""
        return _id(await self._send({"janus": "attach", "plugin": plugin}))

    async def ask(
        self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Send a message to a plugin; return the data and the session description of its event. Raises JanusError."""
        message = {"janus": "message", "handle_id": handle, "body": body}
        answer = await self._send(message | ({"jsep": jsep} if jsep else {}))
        data = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise JanusError(str(data["error"]), int(data.get("error_code", 0)))
        return data, answer.get("jsep")

    def listen(self, handle: int, function: Callable[[dict[str, Any]], None]) -> None:
        """Have a function called with every event of a handle that answers no question."""
        self._listeners[handle] = function

    async def detach(self, handle: int) -> None:
        """Let go of a handle."""
        self._listeners.pop(handle, None)
        with contextlib.suppress(JanusError, asyncio.TimeoutError):
            await self._send({"janus": "detach", "handle_id": handle})

    async def close(self) -> None:
        """End the session; may be called twice."""
        if self._socket is not None and not self._socket.closed and self._id is not None:
            with contextlib.suppress(JanusError, asyncio.TimeoutError, ConnectionError):
                await asyncio.wait_for(self._send({"janus": "destroy"}), 1)
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()

    async def _send(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._socket is None or self._socket.closed:
            raise JanusError("the server is gone")
        key = secrets.token_hex(6)
        message = {**message, "transaction": key} | ({"session_id": self._id} if self._id else {})
        if self._token:
            message["token"] = self._token
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            await self._socket.send_json(message)
            return await asyncio.wait_for(future, _ANSWER)
        except TimeoutError:
            raise JanusError("the server does not answer") from None
        except ConnectionError:
            raise JanusError("the server is gone") from None
        finally:
            self._waiting.pop(key, None)

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    # What is no message of this protocol is passed over, whatever reading it raises.
                    with contextlib.suppress(ValueError, TypeError, AttributeError, LookupError):
                        self._take(message.json())
        finally:
            self.ended.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(JanusError("the server is gone"))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("janus")
        if kind == "ack":
            return  # the answer itself comes as an event
        if kind == "timeout":
            self.ended.set()
        future = self._waiting.get(message.get("transaction", ""))
        if future is None:
            listener = self._listeners.get(message.get("sender", 0))
            if listener is not None:
                listener(message)
        elif not future.done():
            if kind == "error":
                error = message.get("error", {})
                future.set_exception(JanusError(str(error.get("reason", "refused")), int(error.get("code", 0))))
            else:
                future.set_result(message)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_KEEP)
            try:
                message = {"janus": "keepalive", "session_id": self._id, "transaction": secrets.token_hex(6)}
                assert self._socket is not None
                await self._socket.send_json(message | ({"token": self._token} if self._token else {}))
            except ConnectionError:
                self.ended.set()
                return


def _id(answer: dict[str, Any]) -> int:
    """Return the number that an answer gives to a session or a handle. Raises JanusError."""
    try:
        return int(answer["data"]["id"])
    except (LookupError, TypeError, ValueError):
        raise JanusError("the server does not speak the Janus protocol") from None
