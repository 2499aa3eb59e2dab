"""Handing in: a file or an address to be judged, once for each idempotency key."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from ...errors import SourceError
from ...scan.fetch import check
from ..problems import Problem, documented
from ..scans import public
from ..schemas import Address, Keep, Scan
from ..services import Services, found, refuse, who_of
from ..uploads import check_room, file_name, media_name

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


def submitting(api: APIRouter, services: Services) -> None:
    """Add the route that takes files and addresses."""

    @api.post(
        "",
        status_code=202,
        response_model=Scan,
        openapi_extra=_BODY,
        responses=documented(400, 413, 415, 422, 503, 507),
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
        row = found(services, key)
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
