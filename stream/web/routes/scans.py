"""/api/v1/scans: files and addresses to be judged, and what was found."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile

from ...errors import SourceError
from ...sinks.jsonl import dumps
from ..bundle import bundle
from ..database import Row
from ..fetch import check
from ..problems import Problem, documented
from ..report import page
from ..scans import public
from ..schemas import Address, Keep, Scan, ScanPage, ScanWithResult
from ..services import Services, refuse, who_of
from ..uploads import check_room, file_name, media_name
from ..words import looked_at, verdict

_PIECE = 1 << 20
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "keep_days": {"type": "number", "minimum": 0},
                    },
                }
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/Address"}},
        },
    }
}
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def router(services: Services) -> APIRouter:
    """Return the routes."""
    api = APIRouter(prefix="/api/v1/scans", tags=["scans"])
    _submitting(api, services)
    _history(api, services)
    _one(api, services)
    _downloads(api, services)
    return api


def _submitting(api: APIRouter, services: Services) -> None:
    @api.post(
        "", status_code=202, response_model=Scan, openapi_extra=_BODY, responses=documented(400, 413, 415, 422, 503)
    )
    async def submit(request: Request, response: Response, idempotency_key: Key = None) -> dict[str, Any]:
        """Have a file judged (multipart) or what an address holds (JSON).

        The answer is the job; follow it at `Location`, or by its events. Whoever sends the same Idempotency-Key again
        gets the same job.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            key = await _address(services, request, idempotency_key)
        elif kind == "multipart/form-data":
            key = await _file(services, request, idempotency_key)
        else:
            raise Problem(415, "media-type", "send multipart/form-data with a file, or application/json with a url")
        row = _found(services, key)
        response.headers["Location"] = f"/api/v1/scans/{key}"
        return public(row)


async def _address(services: Services, request: Request, idempotency_key: str | None) -> str:
    who = who_of(request)
    try:
        wish = Address.model_validate_json(await request.body())
        check(wish.url)
    except ValidationError as error:
        raise Problem(422, "invalid", "; ".join(e["msg"] for e in error.errors())) from None
    except SourceError as error:
        raise refuse(error) from None
    known = _repeated(services, who.name, idempotency_key, wish.url)
    if known is not None:
        return known
    key = services.submit(who, wish.url, wish.keep_days)
    services.users.note(who.name, request.state.address, "submit", key, "address")
    _remember(services, who.name, idempotency_key, wish.url, key)
    return key


async def _file(services: Services, request: Request, idempotency_key: str | None) -> str:
    who = who_of(request)
    form = await request.form(max_files=1, max_fields=4)
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "invalid", "the part named file is missing")
        wish = form.get("keep_days")
        days = _days(wish if isinstance(wish, str) else None)
        name, size = file_name(file.filename or "file"), file.size or 0
        body = f"{name} {size}"
        known = _repeated(services, who.name, idempotency_key, body)
        if known is not None:
            return known
        services.check_busy()
        check_room(services.options.data, size)
        key = services.scans.add(name, "upload", who.name, services.keep_days(days), size)
        media = services.scans.folder(key) / media_name(name)
        try:
            with media.open("wb") as out:
                while data := await file.read(_PIECE):
                    await run_in_threadpool(out.write, data)
        except BaseException:  # a client that goes away too
            services.scans.delete(key)
            raise
        services.scans.queue(key, media.name)
    finally:
        await form.close()
    services.users.note(who.name, request.state.address, "submit", key, name)
    _remember(services, who.name, idempotency_key, body, key)
    return key


def _days(wish: str | None) -> float | None:
    if wish is None or wish == "":
        return None
    try:
        return Keep(keep_days=float(wish)).keep_days
    except ValueError:
        raise Problem(422, "invalid", "keep_days is a number of days from 0 to 3650") from None


def _repeated(services: Services, owner: str, key: str | None, body: str) -> str | None:
    if key is None:
        return None
    row = services.database.row("SELECT body, scan FROM requests WHERE owner=? AND key=?", owner, key)
    if row is None:
        return None
    if row["body"] != _digest(body):
        raise Problem(422, "idempotency", "this Idempotency-Key was used for another request")
    return str(row["scan"])


def _remember(services: Services, owner: str, key: str | None, body: str, scan: str) -> None:
    now = time.time()
    services.database.run("DELETE FROM requests WHERE created < ?", now - 86400)
    if key is not None:
        services.database.run("INSERT OR IGNORE INTO requests VALUES (?,?,?,?,?)", key, owner, _digest(body), scan, now)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()


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
        row = _found(services, key)
        return public(row) | {"result": _told(services, row)}

    @api.patch("/{key}", response_model=Scan, responses=documented(404, 422))
    def keep(key: str, wish: Keep, request: Request) -> dict[str, Any]:
        """Say for how many days from now the file itself is kept; 0 deletes it. What was found stays."""
        _found(services, key)
        services.scans.keep(key, wish.keep_days)
        services.users.note(who_of(request).name, request.state.address, "keep", key, f"{wish.keep_days:g} days")
        return public(_found(services, key))

    @api.delete("/{key}", status_code=204, responses=documented(404))
    def delete(key: str, request: Request) -> Response:
        """Delete a job: file, pictures, findings."""
        if not services.delete(key):
            raise _absent()
        services.users.note(who_of(request).name, request.state.address, "delete", key)
        return Response(status_code=204)

    @api.get("/{key}/events", responses=documented(404, 503))
    async def events(key: str) -> StreamingResponse:
        """Follow a job: Server-Sent Events, each a job as `GET` returns it."""
        row = await run_in_threadpool(_found, services, key)
        if services.hub.full:
            raise Problem(503, "busy", "too many listeners", {"Retry-After": "10"})
        first = [dumps({"event": "scan", **public(row)})]
        return sse(services.hub.listen(lambda topic, about: topic == "scan" and about == key, first))


def sse(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Return events as an answer that goes on."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _downloads(api: APIRouter, services: Services) -> None:
    inside = {"Cache-Control": "private, max-age=3600"}

    @api.get("/{key}/media", responses=documented(404))
    def media(key: str) -> FileResponse:
        """Return the file itself, while it is kept; a part of it where `Range` says so."""
        row = _found(services, key)
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

    @api.get("/{key}/pictures/{name}", responses=documented(404))
    def picture(key: str, name: str) -> FileResponse:
        """Return a picture that was made of it."""
        result = services.scans.result(key) or {}
        pictures = result.get("pictures", {})
        known = {pictures.get("poster"), *pictures.get("heat", {}).values()}
        known |= {frame["name"] for frame in pictures.get("frames", {}).values()}
        if name not in known - {None}:
            raise _absent()
        return _kept(services, key, name, "image/png" if name.endswith(".png") else "image/jpeg", inside)

    @api.get("/{key}/result.json", responses=documented(404))
    def result_json(key: str) -> Response:
        """Return all that was found, as a file."""
        row, result = _finished(services, key)
        return _download(json.dumps(result, indent=2, ensure_ascii=False).encode(), "application/json", row, "json")

    @api.get("/{key}/report.html", responses=documented(404))
    def report(key: str) -> Response:
        """Return a page that needs nothing else, to read, to print and to pass on."""
        row, result = _finished(services, key)
        text = page(result, services.scans.folder(key), row["finished"])
        headers = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"}
        return _download(text.encode("utf-8", "replace"), "text/html; charset=utf-8", row, "html", headers)

    @api.get("/{key}/evidence.zip", responses=documented(404))
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


def _found(services: Services, key: str) -> Row:
    row = services.scans.row(key)
    if row is None:
        raise _absent()
    return row


def _finished(services: Services, key: str) -> tuple[Row, dict[str, Any]]:
    row, result = _found(services, key), services.scans.result(key)
    if result is None:
        raise Problem(404, "not-done", "nothing was found yet")
    return row, result


def _kept(services: Services, key: str, name: str, kind: str, headers: dict[str, str]) -> FileResponse:
    _found(services, key)
    file = services.scans.folder(key) / name
    if not file.is_file():
        raise _absent()
    return FileResponse(file, media_type=kind, headers=headers)


def _absent() -> Problem:
    return Problem(404, "not-found", "there is no such thing; it may have been deleted")
