"""/api/v1/uploads: large files in pieces; after the manner of tus, with Upload-Offset."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ..database import Row
from ..problems import Problem, documented
from ..schemas import Upload, UploadRequest
from ..services import Services, who_of
from ..uploads import PIECE

Offset = Annotated[int, Header(alias="Upload-Offset", ge=0)]


def router(services: Services) -> APIRouter:
    """Return the routes."""
    api = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])
    uploads = services.uploads

    def told(row: Row) -> dict[str, Any]:
        shown = {name: row[name] for name in ("id", "name", "size", "scan")}
        return shown | {"offset": uploads.offset(row), "piece": PIECE}

    @api.post("", status_code=201, response_model=Upload, responses=documented(413, 422, 503, 507))
    def begin(wish: UploadRequest, request: Request, response: Response) -> dict[str, Any]:
        """Announce a file; then send its bytes with PATCH."""
        services.check_busy()
        key = uploads.begin(wish.name, wish.size, who_of(request).name, services.keep_days(wish.keep_days))
        response.headers["Location"] = f"/api/v1/uploads/{key}"
        return told(uploads.row(key))

    @api.get("/{key}", response_model=Upload, responses=documented(404))
    def look(key: str) -> dict[str, Any]:
        """Return how much has come: where to go on after a break."""
        return told(uploads.row(key))

    @api.patch(
        "/{key}",
        response_model=Upload,
        responses=documented(404, 409, 413, 422, 507),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def send(key: str, request: Request, upload_offset: Offset) -> dict[str, Any]:
        """Send bytes that follow those at Upload-Offset. With the last of them the file is queued: see `scan`."""
        row = await run_in_threadpool(uploads.row, key)
        at = await run_in_threadpool(uploads.offset, row)
        if upload_offset != at:
            raise Problem(409, "offset", f"{at} bytes have come: go on there")
        await _append(services, row, at, request)
        row = await run_in_threadpool(uploads.row, key)
        if uploads.offset(row) == row["size"] and row["scan"] is None:
            scan = await run_in_threadpool(uploads.finish, row)
            services.users.note(who_of(request).name, request.state.address, "submit", scan, row["name"])
        return told(uploads.row(key))

    @api.delete("/{key}", status_code=204, responses=documented(404))
    def cancel(key: str) -> Response:
        """Forget what has come."""
        uploads.row(key)
        uploads.cancel(key)
        return Response(status_code=204)

    return api


async def _append(services: Services, row: Row, at: int, request: Request) -> None:
    """Add what comes; where the client goes away, what came until then stays, and where the disk is full nothing."""
    services.uploads.touch(row["id"])
    if row["scan"] is not None:
        return
    try:
        with services.uploads.file(row["id"]).open("r+b") as out:
            out.seek(at)
            async for data in request.stream():
                at += len(data)
                if at > row["size"]:
                    raise Problem(413, "too-large", "more bytes came than were announced")
                await run_in_threadpool(out.write, data)
    except ClientDisconnect:
        return
    except OSError:  # a full disk most of all: what can't be completed makes room for others
        services.uploads.cancel(row["id"])
        raise
