"""Whether the server is well, what it has done, who asks, and who may."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.datastructures import Headers

from ...errors import ConfigError
from ..guard import cookie
from ..problems import Problem, documented
from ..scans import stamp
from ..schemas import AuditPage, Session, SignIn, User, UserList, UserRequest
from ..services import Services, refuse, who_of
from ..users import COOKIE, Allowance, Who, same
from .scans import sends, sse


def router(services: Services) -> APIRouter:
    """Return the routes."""
    api = APIRouter(tags=["server"])
    _health(api, services)
    _session(api, services)
    _people(api, services)
    return api


def _health(api: APIRouter, services: Services) -> None:
    @api.get("/healthz", response_class=PlainTextResponse)
    def healthz() -> str:
        """Tell that the server answers."""
        return "ok\n"

    @api.get("/readyz", response_class=PlainTextResponse, responses=documented(503))
    def readyz() -> str:
        """Tell that jobs are taken and the database can be used."""
        services.database.row("SELECT 1")
        if not all(runner.alive for runner in services.runners):
            raise Problem(503, "not-ready", "no jobs are taken")
        return "ready\n"

    @api.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """Return figures for Prometheus."""
        return PlainTextResponse(_figures(services), media_type="text/plain; version=0.0.4; charset=utf-8")

    @api.get("/api/v1/events", response_class=Response, responses=sends("text/event-stream") | documented(503))
    async def events() -> StreamingResponse:
        """Follow everything: jobs, streams, alerts, as Server-Sent Events."""
        if services.hub.full:
            raise Problem(503, "busy", "too many listeners", {"Retry-After": "10"})
        return sse(services.hub.listen(lambda topic, key: topic != "verdict"))


def _figures(services: Services) -> str:
    lines = []

    def figure(name: str, kind: str, about: str, values: dict[str, float]) -> None:
        lines.append(f"# HELP truefeed_{name} {about}")
        lines.append(f"# TYPE truefeed_{name} {kind}")
        lines.extend(f"truefeed_{name}{label} {value:g}" for label, value in values.items())

    states = {r[0]: r[1] for r in services.database.rows("SELECT state, count(*) FROM scans GROUP BY state")}
    known = ("receiving", "queued", "running", "done", "failed")
    figure("scans", "gauge", "Files by state.", {f'{{state="{s}"}}': states.get(s, 0) for s in known})
    verdicts = {
        r[0]: r[1]
        for r in services.database.rows("SELECT status, count(*) FROM scans WHERE status NOT NULL GROUP BY status")
    }
    named = ("real", "uncertain", "fake", "error")
    figure("verdicts", "gauge", "Files by verdict.", {f'{{status="{s}"}}': verdicts.get(s, 0) for s in named})
    took = services.database.row(
        "SELECT count(*), coalesce(sum(finished-started),0) FROM scans WHERE finished NOT NULL"
    )
    if took is not None:
        figure("scan_seconds_sum", "counter", "Time spent on files.", {"": took[1]})
        figure("scan_seconds_count", "counter", "Files done.", {"": took[0]})
    restarts = sum(runner.restarts for runner in services.runners)
    figure("worker_restarts_total", "counter", "Workers that a file ended.", {"": restarts})
    figure("uptime_seconds", "gauge", "Since the start.", {"": time.time() - services.started})
    return "\n".join(lines) + "\n"


def _session(api: APIRouter, services: Services) -> None:
    wrong = Allowance(services.options.limits.sign_ins, 8)

    def shown(who: Who | None) -> dict[str, Any]:
        options = services.options
        locked = options.token is not None or services.users.any
        return {
            "name": who.name if who else None,
            "role": who.role if who else None,
            "needs_sign_in": locked and who is None,
            "csrf": who.csrf if who else None,
            "keep_days": options.keep_days,
            "largest": options.limits.file_bytes,
            "version": _version(),
        }

    @api.get("/api/v1/session", response_model=Session)
    def session(request: Request) -> dict[str, Any]:
        """Return who asks, and what a page needs to know."""
        return shown(request.state.who)

    @api.post("/api/v1/session", response_model=Session, responses=documented(401, 429))
    def sign_in(wish: SignIn, request: Request, response: Response) -> dict[str, Any]:
        """Sign in: a cookie says from then on who it is."""
        address = request.state.address
        if not wrong.take(address):
            raise Problem(429, "too-many", "too many attempts; wait a minute", {"Retry-After": "60"})
        who = _checked(services, wish)
        if who is None:
            services.users.note(wish.name or "token", address, "sign-in refused")
            raise Problem(401, "wrong", "name, password or token is wrong")
        secret, who = services.users.sign_in(who.name, who.role)
        services.users.note(who.name, address, "sign-in")
        secure = services.options.secure
        response.set_cookie(COOKIE, secret, max_age=7 * 86400, httponly=True, samesite="strict", secure=secure)
        return shown(who)

    @api.delete("/api/v1/session", status_code=204)
    def sign_out(request: Request) -> Response:
        """Sign out."""
        secret = cookie(Headers(scope=request.scope))
        if secret:
            services.users.sign_out(secret)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


def _checked(services: Services, wish: SignIn) -> Who | None:
    token = services.options.token
    if wish.token and token is not None:
        return Who("token", "admin") if same(wish.token.strip(), token) else None
    if wish.name and wish.password:
        role = services.users.check(wish.name, wish.password)
        return Who(wish.name, role) if role else None
    return None


def _people(api: APIRouter, services: Services) -> None:
    users = services.users

    @api.get("/api/v1/users", response_model=UserList)
    def people() -> dict[str, Any]:
        """Return who may sign in."""
        return {"items": [dict(row) | {"created": stamp(row["created"])} for row in users.all()]}

    @api.post("/api/v1/users", status_code=201, response_model=User, responses=documented(422))
    def add(wish: UserRequest, request: Request) -> dict[str, Any]:
        """Add somebody, or change role and password."""
        if not users.any and wish.role != "admin":
            raise Problem(422, "refused", "the first user must be an administrator")
        users.add(wish.name, wish.role, wish.password)
        users.note(who_of(request).name, request.state.address, "user", wish.name, wish.role)
        return {"name": wish.name, "role": wish.role, "created": stamp(time.time())}

    @api.delete("/api/v1/users/{name}", status_code=204, responses=documented(404, 422))
    def remove(name: str, request: Request) -> Response:
        """Remove somebody."""
        try:
            if not users.remove(name):
                raise Problem(404, "not-found", "there is no such user")
        except ConfigError as error:
            raise refuse(error) from None
        users.note(who_of(request).name, request.state.address, "user removed", name)
        return Response(status_code=204)

    @api.get("/api/v1/audit", response_model=AuditPage)
    def audit(
        limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str, Query(pattern=r"^\d{0,18}$")] = ""
    ) -> dict[str, Any]:
        """Return what was done, the newest first."""
        before = int(cursor) if cursor else 1 << 60
        rows = services.database.rows("SELECT * FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit + 1)
        items = [{**row, "at": stamp(row["at"])} for row in rows]
        return {"items": items[:limit], "next": str(rows[limit - 1]["seq"]) if len(rows) > limit else None}


def _version() -> str:
    try:
        return version("truefeed")
    except PackageNotFoundError:
        return "unknown"
