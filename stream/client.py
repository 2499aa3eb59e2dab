"""A client of the HTTP interface of `truefeed serve`: submit files and addresses, wait, read what was found.

`Client` blocks, `AsyncClient` is awaited; both have the same methods. What cannot be done raises `ServerError`, whose
`kind` is the word of the problem details. Needs httpx: pip install 'truefeed[client]'.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from .errors import MissingExtraError, TruefeedError
from .redaction import redact

if TYPE_CHECKING:
    import httpx

_API = "/api/v1"
_POLL = 0.5
"Between two looks at a job, s."
_TIMEOUT = 60.0


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


def _scan(told: Mapping[str, Any]) -> Scan:
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


def _told(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    if answer.is_success:
        return answer.json() if answer.status_code != 204 else None
    problem: Mapping[str, Any] = {}
    with suppress(ValueError):
        problem = answer.json()
    kind = str(problem.get("type", "")).rpartition(":")[2]
    raise ServerError(answer.status_code, kind, redact(str(problem.get("detail", answer.reason_phrase))))


def _wish(keep_days: float | None, key: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    return {} if keep_days is None else {"keep_days": keep_days}, {} if key is None else {"Idempotency-Key": key}


def _query(**values: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in values.items() if value is not None}


class Client:
    """A connection; to be closed, or used with `with`.

    Args:
        url: of the server.
        token: where it asks for one; None: the environment's TRUEFEED_TOKEN.
        timeout: of one request, s.
    """

    def __init__(self, url: str = "http://localhost:5000", token: str | None = None, timeout: float = _TIMEOUT) -> None:
        self._http: httpx.Client = _httpx().Client(**_options(url, token, timeout))

    def submit(self, file: str | Path | IO[bytes], *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """Send a file; the answer is a job that has hardly begun.

        Args:
            file: a path, or something open for reading bytes.
            keep_days: the server keeps the file for so long; None leaves it to the server.
            key: the same one gets the same job again.
        """
        fields, headers = _wish(keep_days, key)
        if isinstance(file, str | Path):
            with Path(file).open("rb") as opened:
                sent = {"file": (Path(file).name, opened)}
                return _scan(_told(self._http.post(f"{_API}/scans", files=sent, data=fields, headers=headers)))
        return _scan(_told(self._http.post(f"{_API}/scans", files={"file": file}, data=fields, headers=headers)))

    def submit_url(self, url: str, *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """Have the server fetch an address."""
        fields, headers = _wish(keep_days, key)
        return _scan(_told(self._http.post(f"{_API}/scans", json={"url": url, **fields}, headers=headers)))

    def scan(self, key: str) -> Scan:
        """Return a job."""
        return _scan(_told(self._http.get(f"{_API}/scans/{key}")))

    def wait(self, key: str, timeout: float | None = None) -> Scan:
        """Wait until a job is over. Raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (scan := self.scan(key)).over:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"job {key} is not over after {timeout:g} s")
            time.sleep(_POLL)
        return scan

    def judge(self, file: str | Path | IO[bytes], timeout: float | None = None) -> Scan:
        """Send a file and wait for what is found."""
        return self.wait(self.submit(file).id, timeout)

    def history(self, *, q: str | None = None, status: str | None = None, kind: str | None = None) -> Iterator[Scan]:
        """Yield the jobs, the newest first."""
        cursor: str | None = ""
        while cursor is not None:
            query = _query(q=q, status=status, kind=kind, limit=100, cursor=cursor)
            page = _told(self._http.get(f"{_API}/scans", params=query))
            yield from map(_scan, page["items"])
            cursor = page["next"]

    def download(self, key: str, what: str, target: str | Path) -> Path:
        """Write `report.html`, `result.json`, `evidence.zip` or `media` of a job into a file."""
        with self._http.stream("GET", f"{_API}/scans/{key}/{what}") as answer:
            if not answer.is_success:
                answer.read()
                _told(answer)
            with Path(target).open("wb") as out:
                for piece in answer.iter_bytes():
                    out.write(piece)
        return Path(target)

    def delete(self, key: str) -> None:
        """Delete a job with all its files."""
        _told(self._http.delete(f"{_API}/scans/{key}"))

    def watch(self, url: str, name: str | None = None) -> dict[str, Any]:
        """Have the server watch a camera or a stream."""
        body = {"url": url} if name is None else {"url": url, "name": name}
        return dict(_told(self._http.post(f"{_API}/streams", json=body)))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class AsyncClient:
    """As Client, to be awaited, and used with `async with`."""

    def __init__(self, url: str = "http://localhost:5000", token: str | None = None, timeout: float = _TIMEOUT) -> None:
        self._http: httpx.AsyncClient = _httpx().AsyncClient(**_options(url, token, timeout))

    async def submit(
        self, file: str | Path | IO[bytes], *, keep_days: float | None = None, key: str | None = None
    ) -> Scan:
        """See `Client.submit`."""
        fields, headers = _wish(keep_days, key)
        opened = await asyncio.to_thread(Path(file).open, "rb") if isinstance(file, str | Path) else file
        name = Path(file).name if isinstance(file, str | Path) else "file"
        try:
            sent = {"file": (name, opened)}
            return _scan(_told(await self._http.post(f"{_API}/scans", files=sent, data=fields, headers=headers)))
        finally:
            if opened is not file:
                opened.close()

    async def submit_url(self, url: str, *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """See `Client.submit_url`."""
        fields, headers = _wish(keep_days, key)
        return _scan(_told(await self._http.post(f"{_API}/scans", json={"url": url, **fields}, headers=headers)))

    async def scan(self, key: str) -> Scan:
        """See `Client.scan`."""
        return _scan(_told(await self._http.get(f"{_API}/scans/{key}")))

    async def wait(self, key: str, timeout: float | None = None) -> Scan:
        """See `Client.wait`."""
        async with asyncio.timeout(timeout):
            while not (scan := await self.scan(key)).over:
                await asyncio.sleep(_POLL)
        return scan

    async def judge(self, file: str | Path | IO[bytes], timeout: float | None = None) -> Scan:
        """See `Client.judge`."""
        return await self.wait((await self.submit(file)).id, timeout)

    async def history(
        self, *, q: str | None = None, status: str | None = None, kind: str | None = None
    ) -> AsyncIterator[Scan]:
        """See `Client.history`."""
        cursor: str | None = ""
        while cursor is not None:
            query = _query(q=q, status=status, kind=kind, limit=100, cursor=cursor)
            page = _told(await self._http.get(f"{_API}/scans", params=query))
            for told in page["items"]:
                yield _scan(told)
            cursor = page["next"]

    async def delete(self, key: str) -> None:
        """See `Client.delete`."""
        _told(await self._http.delete(f"{_API}/scans/{key}"))

    async def watch(self, url: str, name: str | None = None) -> dict[str, Any]:
        """See `Client.watch`."""
        body = {"url": url} if name is None else {"url": url, "name": name}
        return dict(_told(await self._http.post(f"{_API}/streams", json=body)))

    async def close(self) -> None:
        """See `Client.close`."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()
