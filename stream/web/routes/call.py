"""/call, /whip, /session, /events: the page of a call, and what it and other publishers speak with."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from ... import webrtc
from ...webrtc.call import Call
from ...webrtc.whip import Reply, refusal
from ..hub import Hub
from .scans import sse

_SAFE = (
    "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; img-src data:; "
    "media-src blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router(call: Call, hub: Hub) -> APIRouter:
    """Return the routes."""
    api = APIRouter(tags=["calls"])
    _page(api, call, hub)
    _publishing(api, call)
    _sessions(api, call)
    return api


def absent() -> APIRouter:
    """Return what is answered where calls can't be had."""
    api = APIRouter()

    @api.get("/call", include_in_schema=False)
    def page() -> Response:
        return answer(refusal(501, "calls need aiortc: pip install 'truefeed[webrtc]'"))

    return api


def _page(api: APIRouter, call: Call, hub: Hub) -> None:
    @api.get("/call", include_in_schema=False)
    def page(request: Request) -> Response:
        who = request.state.who
        text = _read("call.html").replace("/*STYLE*/", _read("call.css"))
        text = text.replace("/*SCRIPT*/", _read("tile.js") + _read("links.js") + _read("call.js"))
        # Whoever has signed in needs no token; changes then carry what stands for the session.
        text = text.replace("__TOKEN_NEEDED__", "true" if call.options.token and who is None else "false")
        text = text.replace("__CSRF__", (who.csrf if who is not None else None) or "")
        nonce = secrets.token_urlsafe(12)
        headers = {"Content-Security-Policy": _SAFE.format(nonce)}
        return Response(text.replace("__NONCE__", nonce), media_type="text/html", headers=headers)

    @api.get("/events", include_in_schema=False)
    async def events() -> Response:
        if hub.full:
            return answer(refusal(503, "too many listeners", [("Retry-After", "10")]))
        response: StreamingResponse = sse(hub.listen(lambda topic, key: topic == "call", call.present()))
        return response


def _publishing(api: APIRouter, call: Call) -> None:
    @api.post("/whip", include_in_schema=False)
    @api.post("/whip/{name}", include_in_schema=False)
    async def publish(request: Request, name: str = "", wish: Annotated[str, Query(alias="name")] = "") -> Response:
        return answer(await call.whip.publish(name or wish or None, _kind(request), request.stream()))

    @api.options("/whip", include_in_schema=False)
    @api.options("/whip/{name}", include_in_schema=False)
    @api.options("/session/{name}", include_in_schema=False)
    async def options(request: Request, name: str = "") -> Response:
        return answer(call.whip.options(trusted=request.state.who is not None))


def _sessions(api: APIRouter, call: Call) -> None:
    @api.patch("/session/{key}", include_in_schema=False)
    async def patch(key: str, request: Request) -> Response:
        condition = request.headers.get("If-Match")
        return answer(await call.whip.patch(key, _kind(request), condition, request.stream()))

    @api.delete("/session/{key}", include_in_schema=False)
    async def delete(key: str) -> Response:
        return answer(call.whip.delete(key))

    @api.websocket("/session/{key}/talk")
    async def talk(socket: WebSocket, key: str) -> None:
        session = call.whip.sessions.get(key)
        if session is None:
            await socket.send_denial_response(answer(refusal(404, "there is no such session")))
            return
        await socket.accept()
        await call.board.serve(_Socket(socket), session.name)

    @api.websocket("/{path:path}")
    async def nowhere(socket: WebSocket, path: str) -> None:
        # The framework's own answer would be 403, as if it were forbidden.
        await socket.send_denial_response(answer(refusal(404, "there is nothing here")))


class _Socket:
    """See `Socket`."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError(str(error)) from None

    async def receive(self) -> str | None:
        while True:
            try:
                message = await self._socket.receive()
            except (RuntimeError, WebSocketDisconnect):
                return None
            if message["type"] == "websocket.disconnect":
                return None
            if message.get("text") is not None:
                return str(message["text"])

    async def close(self) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            try:
                await self._socket.close()
            except RuntimeError:
                return


def answer(reply: Reply) -> Response:
    """Return an answer as the framework has it."""
    response = Response(reply.text or None, reply.status, media_type=reply.kind if reply.text else None)
    for name, value in reply.headers:
        response.headers.append(name, value)
    return response


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(name: str) -> str:
    return (files(webrtc) / "pages" / name).read_text(encoding="utf-8")
