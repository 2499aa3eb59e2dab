"""/api/v1/streams and /api/v1/alerts: cameras that are watched, and what went wrong in front of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any

import cv2
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse

from ...errors import TruefeedError
from ...types import Image
from ..alerts import Alerts
from ..alerts import public as alert_public
from ..database import Row
from ..problems import Problem, documented
from ..schemas import AlertPage, Stream, StreamList, StreamRequest
from ..services import Services, refuse, who_of
from ..streams import Streams, Watched, public
from .scans import sends, sse

_PATIENCE = 5.0
"A picture that is newer than the one known is waited for so long, s."
_SIDE = 960
"Of a live picture, px."


def router(services: Services, streams: Streams, alerts: Alerts) -> APIRouter:
    """Return the routes."""
    api = APIRouter(prefix="/api/v1")
    _managing(api, services, streams)
    _looking(api, services, streams)
    _alerts(api, services, alerts)
    return api


def _managing(api: APIRouter, services: Services, streams: Streams) -> None:
    @api.get("/streams", response_model=StreamList, tags=["streams"])
    def everything() -> dict[str, Any]:
        """Return the cameras and streams that are watched."""
        return {"items": [public(watched) for watched in streams.all()]}

    @api.post("/streams", status_code=201, response_model=Stream, responses=documented(422), tags=["streams"])
    def add(wish: StreamRequest, request: Request, response: Response) -> dict[str, Any]:
        """Watch a camera or a stream from now on, also after a restart of the server."""
        who = who_of(request)
        try:
            watched = streams.add(wish.url, wish.name, who.name)
        except TruefeedError as error:
            raise refuse(error) from None
        services.users.note(who.name, request.state.address, "stream", watched.key, watched.name)
        response.headers["Location"] = f"/api/v1/streams/{watched.key}"
        return public(watched)

    @api.get("/streams/{key}", response_model=Stream, responses=documented(404), tags=["streams"])
    def one(key: str) -> dict[str, Any]:
        """Return a stream, with its latest verdict."""
        return public(_found(streams, key))

    @api.delete("/streams/{key}", status_code=204, responses=documented(404), tags=["streams"])
    def remove(key: str, request: Request) -> Response:
        """Watch it no longer. Its alerts stay."""
        if not streams.remove(key):
            raise Problem(404, "not-found", "there is no such stream")
        services.users.note(who_of(request).name, request.state.address, "stream removed", key)
        return Response(status_code=204)


def _looking(api: APIRouter, services: Services, streams: Streams) -> None:
    @api.get(
        "/streams/{key}/picture",
        response_class=Response,
        responses=sends("image/jpeg") | {204: {"description": "None is newer"}} | documented(404),
        tags=["streams"],
    )
    async def picture(key: str, after: Annotated[int, Query(ge=0)] = 0) -> Response:
        """Return the latest picture that was judged, as JPEG; `X-Verdict` holds what was thought of this very one.

        With `after`, the number of the last picture known (`X-Number`), it waits for a newer one; 204 where none comes.
        """
        watched = _found(streams, key)
        deadline = time.monotonic() + _PATIENCE
        while watched.number <= after and time.monotonic() < deadline:
            await asyncio.sleep(0.03)
        image, event, number = watched.image, watched.event, watched.number
        if image is None or number <= after:
            return Response(status_code=204)
        headers = {"X-Verdict": json.dumps(event or {}), "X-Number": str(number)}
        return Response(await run_in_threadpool(_jpeg, image), media_type="image/jpeg", headers=headers)

    @api.get(
        "/streams/{key}/events",
        response_class=Response,
        responses=sends("text/event-stream") | documented(404, 503),
        tags=["streams"],
    )
    async def events(key: str) -> StreamingResponse:
        """Follow a stream: verdicts, states and alerts, as Server-Sent Events."""
        _found(streams, key)
        if services.hub.full:
            raise Problem(503, "busy", "too many listeners", {"Retry-After": "10"})
        return sse(services.hub.listen(lambda topic, about: topic in ("verdict", "stream") and about == key))


def _alerts(api: APIRouter, services: Services, alerts: Alerts) -> None:
    @api.get("/alerts", response_model=AlertPage, tags=["alerts"])
    def page(
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str, Query(pattern=r"^\d{0,18}$")] = "",
        stream: Annotated[str | None, Query(max_length=64)] = None,
    ) -> dict[str, Any]:
        """Return the alerts of a stream, or of all streams and calls, the newest first."""
        rows = alerts.page(int(cursor) if cursor else 1 << 60, limit + 1, stream or None)
        items = [alert_public(row, alerts.evidence(row)) for row in rows[:limit]]
        return {"items": items, "next": str(rows[limit - 1]["seq"]) if len(rows) > limit else None}

    @api.get(
        "/alerts/{key}/picture",
        response_class=Response,
        responses=sends("image/jpeg") | documented(404),
        tags=["alerts"],
    )
    def picture(key: str) -> FileResponse:
        """Return the frame of the alert, with what was drawn over it."""
        return FileResponse(_kept(alerts, key, "picture"), media_type="image/jpeg")

    @api.get(
        "/alerts/{key}/clip",
        response_class=Response,
        responses=sends("video/mp4") | documented(404),
        tags=["alerts"],
    )
    def clip(key: str) -> FileResponse:
        """Return the seconds before the alert."""
        return FileResponse(_kept(alerts, key, "clip"), media_type="video/mp4")

    @api.delete("/alerts/{key}", status_code=204, responses=documented(404), tags=["alerts"])
    def delete(key: str, request: Request) -> Response:
        """Delete an alert with its evidence."""
        if not alerts.delete(key):
            raise Problem(404, "not-found", "there is no such alert")
        services.users.note(who_of(request).name, request.state.address, "alert deleted", key)
        return Response(status_code=204)


def _found(streams: Streams, key: str) -> Watched:
    watched = streams.one(key)
    if watched is None:
        raise Problem(404, "not-found", "there is no such stream")
    return watched


def _kept(alerts: Alerts, key: str, what: str) -> str:
    row: Row | None = alerts.row(key)
    file = alerts.evidence(row).get(what) if row is not None else None
    if file is None:
        raise Problem(404, "not-found", "nothing was kept")
    return str(file)


def _jpeg(image: Image) -> bytes:
    scale = _SIDE / max(image.shape[:2])
    shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    good, data = cv2.imencode(".jpg", shown, (cv2.IMWRITE_JPEG_QUALITY, 78))
    if not good:
        raise Problem(404, "not-found", "there is no picture")
    return bytes(data.tobytes())
