"""The application: pages, their assets and the HTTP interface, behind the guard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from .. import words
from .guard import Guard
from .problems import Problem, documented, install
from .routes import scans, system, uploads
from .schemas import Address, ProblemDetails
from .services import Services

_STRINGS = "strings.en.json"
_KINDS = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
_ABOUT = """Submit videos, pictures and sound, follow the jobs, read what was found, watch streams.

Errors are problem details (RFC 9457). A program shows the token of the server as `Authorization: Bearer TOKEN`."""


def application(services: Services, more: Sequence[APIRouter] = ()) -> Guard:
    """Return the ASGI application.

    Args:
        services: what the routes work with.
        more: further routes.
    """
    api = FastAPI(
        title="truefeed",
        version="1",
        description=_ABOUT,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install(api)
    for router in (scans.router(services), uploads.router(services), system.router(services), *more):
        api.include_router(router)
    _pages(api)
    _complete(api)
    return Guard(api, services.options, services.users)


def _pages(api: FastAPI) -> None:
    @api.get("/assets/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        found = _asset(name)
        if found is None:
            raise Problem(404, "not-found", "there is no such file")
        data, tag = found
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=_KINDS["." + name.rpartition(".")[2]], headers=headers)

    @api.get("/", include_in_schema=False)
    @api.get("/history", include_in_schema=False)
    @api.get("/live", include_in_schema=False)
    @api.get("/people", include_in_schema=False)
    @api.get("/ways", include_in_schema=False)
    @api.get("/scan/{key}", include_in_schema=False)
    def index(key: str = "") -> Response:
        table = words.table()
        text = _text("index.html").replace("__LANG__", table["lang"]).replace("__TITLE__", table["app.tagline"])
        return Response(text, media_type="text/html")


@cache
def _asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of the pages and its tag; only names that are there are served."""
    folder = files(__package__) / "pages"
    if name == _STRINGS:
        return _tagged(words.text().encode())
    known = {entry.name for entry in folder.iterdir() if "." + entry.name.rpartition(".")[2] in _KINDS}
    if name not in known:
        return None
    return _tagged((folder / name).read_bytes())


def _tagged(data: bytes) -> tuple[bytes, str]:
    return data, f'"{hashlib.sha256(data).hexdigest()[:24]}"'


@cache
def _text(name: str) -> str:
    return (files(__package__) / "pages" / name).read_text("utf-8")


def _complete(api: FastAPI) -> None:
    """Put what routes only refer to into the OpenAPI document."""
    plain = api.openapi

    def openapi() -> dict[str, object]:
        document = plain()
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for name, model in (("Problem", ProblemDetails), ("Address", Address)):
            known.setdefault(name, model.model_json_schema(ref_template="#/components/schemas/{model}"))
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _complete_errors(path, method, operation)
        return document

    api.openapi = openapi  # type: ignore[method-assign]


def _complete_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """Tell which problems the guard and the framework answer an operation with; the framework's own 422 is another."""
    answers = operation["responses"]
    statuses = [401, 403] if path.startswith("/api/") else []
    statuses += [429] if method != "get" else []
    statuses += [400, 413] if "requestBody" in operation else []
    answers |= {str(status): about for status, about in documented(*statuses).items() if str(status) not in answers}
    if "422" in answers:
        answers["422"] = documented(422)[422]
