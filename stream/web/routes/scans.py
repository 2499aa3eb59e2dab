"""/api/v1/scans: files and addresses to be judged, and what was found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from ...scan.html_report import page
from ...sinks.jsonl import dumps
from ...words import looked_at, verdict
from ..bundle import bundle
from ..database import Row
from ..problems import Problem, documented
from ..scans import public, stamp
from ..schemas import Keep, Scan, ScanPage, ScanWithResult
from ..services import Services, absent, found, who_of
from .scan_submit import submitting


def router(services: Services) -> APIRouter:
    """Return the routes."""
    api = APIRouter(prefix="/api/v1/scans", tags=["scans"])
    submitting(api, services)
    _history(api, services)
    _one(api, services)
    _downloads(api, services)
    return api


def _history(api: APIRouter, services: Services) -> None:
    @api.get("", response_model=ScanPage, responses=documented(422))
    def history(
        q: Annotated[str, Query(max_length=200, description="Part of a name, or of a SHA-256")] = "",
        status: Literal["real", "uncertain", "fake", "error"] | None = None,
        kind: Literal["video", "image", "audio"] | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str, Query(pattern=r"^\d{0,18}$")] = "",
    ) -> dict[str, Any]:
        """Return the history, the newest first."""
        where, values = ["state <> 'receiving'"], list[Any]()
        if q:
            pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            where.append("(name LIKE ? ESCAPE '\\' OR sha256 LIKE ? ESCAPE '\\')")
            values += [pattern, pattern]
        for name, wanted in (("status", status), ("kind", kind)):
            if wanted is not None:
                where.append(f"{name} = ?")
                values.append(wanted)
        total = services.database.row(f"SELECT count(*) FROM scans WHERE {' AND '.join(where)}", *values)
        if cursor:
            where.append("seq < ?")
            values.append(int(cursor))
        sql = f"SELECT * FROM scans WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
        rows = services.database.rows(sql, *values, limit + 1)
        following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return {"items": [public(r) for r in rows[:limit]], "next": following, "total": total[0] if total else 0}


def _one(api: APIRouter, services: Services) -> None:
    @api.get("/{key}", response_model=ScanWithResult, responses=documented(404))
    def one(key: str) -> dict[str, Any]:
        """Return a job and what was found."""
        row = found(services, key)
        return public(row) | {"result": _told(services, row)}

    @api.patch("/{key}", response_model=Scan, responses=documented(404, 422))
    def keep(key: str, wish: Keep, request: Request) -> dict[str, Any]:
        """Say for how many days from now the file itself is kept; 0 deletes it. What was found stays."""
        found(services, key)
        services.scans.keep(key, wish.keep_days)
        services.users.note(who_of(request).name, request.state.address, "keep", key, f"{wish.keep_days:g} days")
        return public(found(services, key))

    @api.delete("/{key}", status_code=204, responses=documented(404))
    def delete(key: str, request: Request) -> Response:
        """Delete a job: file, pictures, findings."""
        if not services.delete(key):
            raise absent()
        services.users.note(who_of(request).name, request.state.address, "delete", key)
        return Response(status_code=204)

    @api.get("/{key}/events", response_class=Response, responses=sends("text/event-stream") | documented(404, 503))
    async def events(key: str) -> StreamingResponse:
        """Follow a job: Server-Sent Events, each a job as `GET` returns it."""
        row = await run_in_threadpool(found, services, key)
        if services.hub.full:
            raise Problem(503, "busy", "too many listeners", {"Retry-After": "10"})
        first = [dumps({"event": "scan", **public(row)})]
        return sse(services.hub.listen(lambda topic, about: topic == "scan" and about == key, first))


def sse(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Return events as an answer that goes on."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def sends(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of an answer that is a file of one of the kinds."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {200: {"description": "The file", "content": content}}


def _downloads(api: APIRouter, services: Services) -> None:
    inside = {"Cache-Control": "private, max-age=3600"}

    kinds = ("video/mp4", "audio/mpeg", "image/jpeg", _BYTES)

    @api.get("/{key}/media", response_class=Response, responses=sends(*kinds) | documented(404))
    def media(key: str) -> FileResponse:
        """Return the file itself, while it is kept; a part of it where `Range` says so."""
        row = found(services, key)
        if row["media"] is None or not (services.scans.folder(key) / row["media"]).is_file():
            raise Problem(404, "not-kept", "the file itself is not kept")
        kind = {"video": "video/mp4", "audio": "audio/mpeg", "image": "image/jpeg"}.get(row["kind"])
        # What an uploaded file claims to be is never believed: it must not run as a page of this server.
        headers = inside | {"Content-Disposition": "attachment"}
        return FileResponse(services.scans.folder(key) / row["media"], media_type=kind or _BYTES, headers=headers)

    @api.get("/{key}/track", responses=documented(404))
    def track(key: str) -> FileResponse:
        """Return boxes and scores over time, as a player draws them."""
        return _kept(services, key, "track.json", "application/json", inside)

    @api.get(
        "/{key}/pictures/{name}",
        response_class=Response,
        responses=sends("image/jpeg", "image/png") | documented(404),
    )
    def picture(key: str, name: str) -> FileResponse:
        """Return a picture that was made of it."""
        result = services.scans.result(key) or {}
        pictures = result.get("pictures", {})
        known = {pictures.get("poster"), *pictures.get("heat", {}).values()}
        known |= {frame["name"] for frame in pictures.get("frames", {}).values()}
        if name not in known - {None}:
            raise absent()
        return _kept(services, key, name, "image/png" if name.endswith(".png") else "image/jpeg", inside)

    @api.get("/{key}/result.json", responses=documented(404))
    def result_json(key: str) -> Response:
        """Return all that was found, as a file."""
        row, result = _finished(services, key)
        return _download(json.dumps(result, indent=2, ensure_ascii=False).encode(), "application/json", row, "json")

    @api.get("/{key}/report.html", response_class=Response, responses=sends("text/html") | documented(404))
    def report(key: str) -> Response:
        """Return a page that needs nothing else, to read, to print and to pass on."""
        row, result = _finished(services, key)
        text = page(result, services.scans.folder(key), stamp(row["finished"]))
        headers = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"}
        return _download(text.encode("utf-8", "replace"), "text/html; charset=utf-8", row, "html", headers)

    @api.get("/{key}/evidence.zip", response_class=Response, responses=sends("application/zip") | documented(404))
    def evidence(key: str) -> Response:
        """Return findings, pictures and, while it is kept, the file, with a manifest of SHA-256."""
        row, result = _finished(services, key)
        file = bundle(result, services.scans.folder(key), row["media"], row["finished"])
        headers = {"Content-Disposition": f'attachment; filename="truefeed-{row["id"]}.zip"'}
        return FileResponse(
            file, media_type="application/zip", headers=headers, background=BackgroundTask(file.unlink, missing_ok=True)
        )


_BYTES = "application/octet-stream"


def _download(data: bytes, kind: str, row: Row, suffix: str, headers: dict[str, str] | None = None) -> Response:
    named = {"Content-Disposition": f'attachment; filename="truefeed-{row["id"]}.{suffix}"'}
    return Response(data, media_type=kind, headers=named | (headers or {}))


def _told(services: Services, row: Row) -> dict[str, Any] | None:
    """Return the result with the sentences that say it."""
    result = services.scans.result(row["id"]) if row["state"] in ("done", "failed") else None
    return None if result is None else result | {"words": verdict(result) | {"looked_at": looked_at(result)}}


def _finished(services: Services, key: str) -> tuple[Row, dict[str, Any]]:
    row, result = found(services, key), services.scans.result(key)
    if result is None:
        raise Problem(404, "not-done", "nothing was found yet")
    return row, result


def _kept(services: Services, key: str, name: str, kind: str, headers: dict[str, str]) -> FileResponse:
    found(services, key)
    file = services.scans.folder(key) / name
    if not file.is_file():
        raise absent()
    return FileResponse(file, media_type=kind, headers=headers)
