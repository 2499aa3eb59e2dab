"""Errors as RFC 9457 problem details."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..redaction import redact

MEDIA_TYPE = "application/problem+json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"What the system says where a file can grow no more."


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An answer that is an error.

    Args:
        status: of HTTP.
        kind: a word that programs and translations know it by.
        detail: a sentence for a person.
        headers: to send along.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.headers = status, kind, detail, headers

    def answer(self) -> JSONResponse:
        """Return it as a response."""
        return problem(self.status, self.kind, self.detail, self.headers)


def disk_full() -> Problem:
    """Return the answer for what cannot be stored."""
    return Problem(507, "disk-full", "there is not enough room on the disk of the server")


def problem(
    status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """Return problem details."""
    body = {"type": f"urn:truefeed:{kind}", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": redact(detail), **more}
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the interface answered so."""

    @app.exception_handler(Problem)
    async def raised(request: Request, error: Problem) -> JSONResponse:
        return error.answer()

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        kind = {404: "not-found", 405: "method"}.get(error.status_code, "request")
        return problem(error.status_code, kind, str(error.detail), error.headers)

    @app.exception_handler(OSError)
    async def failed(request: Request, error: OSError) -> JSONResponse:
        if error.errno not in _FULL:
            raise error
        return disk_full().answer()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
        what = "; ".join(f"{w['where']}: {w['what']}" for w in wrong)
        return problem(422, "invalid", what, errors=wrong)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of the errors."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
