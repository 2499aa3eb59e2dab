"""Stands before everything that the server answers: who asks, may it, how often, and which headers go along.

Without users and without a token the server is for the programs and pages of this machine. Pages of other sites must
not reach it, by its name (DNS rebinding) or across, so host and origin are looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

from .options import EXTENSION, LOCAL, WebOptions
from .problems import Problem, problem
from .users import COOKIE, Allowance, Role, Users, Who, same

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_SMALL = 1 << 16
"Bodies of requests that carry no file, bytes."
_SAFE = ("GET", "HEAD", "OPTIONS")
_ADMIN = ("/api/v1/users", "/api/v1/audit")
_PUBLISHING = ("/whip", "/session/")
"All that our own browser extension needs of a server that asks for no token."
_OPEN = ("/healthz", "/readyz", "/api/v1/session", "/call", "/favicon.ico")


class Guard:
    """An ASGI application around another.

    Args:
        app: what is guarded.
        options: of the server.
        users: who may sign in.
    """

    def __init__(self, app: App, options: WebOptions, users: Users) -> None:
        self._app, self._options, self._users = app, options, users
        self._changes = Allowance(options.limits.requests, options.limits.requests * 5)

    @property
    def locked(self) -> bool:
        """Whether one has to say who one is."""
        return self._options.token is not None or self._users.any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        outgoing = self._dressed(send, headers.get("origin"))
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, outgoing)
            return
        limit = self._most(scope)
        if int_or(headers.get("content-length"), 0) > limit:
            too_long = Problem(413, "too-large", "the request is larger than allowed")
            await self._answer(scope["path"], too_long)(scope, receive, outgoing)
            return
        await self._app(scope, _counted(receive, limit), outgoing)

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """Find out who asks, into `scope`; return the refusal, where it may not."""
        path, method = scope["path"], scope.get("method", "GET")
        address = scope["client"][0] if scope.get("client") else "local"
        who = self._who(scope, headers)
        try:
            if isinstance(who, Problem):
                raise who
            scope.setdefault("state", {})["who"] = who
            scope["state"]["address"] = address
            if who is None and not (_is_open(path) or method == "OPTIONS"):
                raise Problem(401, "sign-in", "a token or a session is needed", {"WWW-Authenticate": "Bearer"})
            if method not in _SAFE:
                self._check_change(path, who, headers, address)
            elif who is not None and path.startswith(_ADMIN) and not who.may("admin"):
                raise Problem(403, "role", "only an administrator may do that")
        except Problem as error:
            return self._answer(path, error)
        return None

    def _check_change(self, path: str, who: Who | None, headers: Headers, address: str) -> None:
        if not self._changes.take(address):
            raise Problem(429, "too-many", "too many requests", {"Retry-After": "5"})
        if who is None or path == "/api/v1/session":
            return
        if who.csrf is not None and not same(headers.get("x-csrf-token", ""), who.csrf):
            raise Problem(403, "csrf", "the X-CSRF-Token of the session is missing or wrong")
        role: Role = "admin" if path.startswith(_ADMIN) else "operator"
        if not who.may(role):
            raise Problem(403, "role", f"only {'an administrator' if role == 'admin' else 'an operator'} may do that")

    def _who(self, scope: Scope, headers: Headers) -> Who | Problem | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        own = origin in (None, f"{scheme}://{host}")
        if not self.locked:
            publishes = scope["type"] == "http" and scope["path"].startswith(_PUBLISHING)
            own = own or (origin == EXTENSION and publishes)
            if (urlsplit(f"//{host}").hostname or "") not in LOCAL or not own:
                why = "this server answers its own pages only; set a token to let others in"
                return Problem(403, "elsewhere", why)
            return Who("local", "admin")
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            token = self._options.token
            return Who("token", "admin") if token is not None and same(given.strip(), token) else None
        secret = cookie(headers)
        return self._users.session(secret) if secret and own else None

    def _answer(self, path: str, error: Problem) -> Response:
        if path.startswith("/api/"):
            return problem(error.status, error.kind, error.detail, error.headers)
        return PlainTextResponse(f"{error.detail}\n", error.status, dict(error.headers or {}))

    def _most(self, scope: Scope) -> int:
        path = scope["path"]
        if path == "/api/v1/scans" or path.startswith("/api/v1/uploads/"):
            return self._options.limits.file_bytes + (1 << 20)
        return _SMALL * 2

    def _dressed(self, send: Send, origin: str | None) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._options.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if self._options.token is not None and origin is not None:
                    headers.update(_CORS)
            await send(message)

        return sending


_CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Accept-Patch",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"Whoever has the token may publish from a page of another site; a cookie is never taken there."


def _is_open(path: str) -> bool:
    """Tell what needs no token. A browser can't send one with a WebSocket; the session's secret ID stands for it."""
    if path in _OPEN or path.startswith("/assets/") or (path.startswith("/session/") and path.endswith("/talk")):
        return True
    return is_page(path)


def is_page(path: str) -> bool:
    """Tell whether the page itself answers there; it holds nothing that is secret."""
    return path in ("/", "/history", "/live", "/people", "/ways") or path.startswith(("/scan/", "/stream/"))


def cookie(headers: Headers) -> str | None:
    """Return the secret of the session that a request carries."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _counted(receive: Receive, limit: int) -> Receive:
    """Refuse a body that is longer than it may be, also where it does not say so."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise Problem(413, "too-large", "the request is larger than allowed")
        return message

    return counting


def int_or(text: str | None, otherwise: int) -> int:
    """Return the whole number that a header holds."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 18 else otherwise
