"""What both clients share: the jobs that they return, the error that they raise, and how they ask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError, TruefeedError
from ..redaction import redact

if TYPE_CHECKING:
    import httpx

API = "/api/v1"
POLL = 0.5
"Between two looks at a job, s."
TIMEOUT = 60.0


class ServerError(TruefeedError):
    """The server refused, or could not do it."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class Scan:
    """A job, as the server tells it."""

    id: str
    name: str
    state: str
    "receiving, queued, running, done or failed."
    progress: float
    "0..1."
    status: str | None
    "real, uncertain, fake or error; None while it is not over."
    fake_probability: float | None
    voice_probability: float | None
    reasons: tuple[str, ...]
    error: str | None
    raw: Mapping[str, Any] = field(repr=False)
    "All that the server told; `result` holds what was found."

    @property
    def over(self) -> bool:
        """True once nothing more will come."""
        return self.state in ("done", "failed")


def scan_of(told: Mapping[str, Any]) -> Scan:
    """Return a job as the server tells it."""
    names = ("id", "name", "state", "progress", "status", "fake_probability", "voice_probability")
    return Scan(**{name: told[name] for name in names}, reasons=tuple(told["reasons"]), error=told["error"], raw=told)


def _httpx() -> Any:  # noqa: ANN401 - a module
    try:
        import httpx
    except ModuleNotFoundError:
        raise MissingExtraError("httpx", "client") from None
    return httpx


def _options(url: str, token: str | None, timeout: float) -> dict[str, Any]:
    token = token or os.environ.get("TRUEFEED_TOKEN")
    return {
        "base_url": url.rstrip("/"),
        "timeout": timeout,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
    }


def connect(url: str, token: str | None, timeout: float) -> httpx.Client:
    """Return a connection that blocks, for timeout at most, s. Raises MissingExtraError."""
    client: httpx.Client = _httpx().Client(**_options(url, token, timeout))
    return client


def connect_async(url: str, token: str | None, timeout: float) -> httpx.AsyncClient:
    """Return a connection to be awaited, for timeout at most, s. Raises MissingExtraError."""
    client: httpx.AsyncClient = _httpx().AsyncClient(**_options(url, token, timeout))
    return client


def told(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of an answer; None where there is none. Raises ServerError."""
    if answer.is_success:
        return answer.json() if answer.status_code != 204 else None
    problem: Mapping[str, Any] = {}
    with suppress(ValueError):
        problem = answer.json()
    kind = str(problem.get("type", "")).rpartition(":")[2]
    raise ServerError(answer.status_code, kind, redact(str(problem.get("detail", answer.reason_phrase))))


def wish(keep_days: float | None, key: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields and the headers of a new job."""
    return {} if keep_days is None else {"keep_days": keep_days}, {} if key is None else {"Idempotency-Key": key}


def query_of(**values: str | int | None) -> dict[str, str | int]:
    """Return what is given."""
    return {name: value for name, value in values.items() if value is not None}
