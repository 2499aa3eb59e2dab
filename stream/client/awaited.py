"""The client to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .answers import API, POLL, TIMEOUT, Scan, connect_async, query_of, scan_of, told, wish


class AsyncClient:
    """As Client, to be awaited, and used with `async with`."""

    def __init__(self, url: str = "http://localhost:5000", token: str | None = None, timeout: float = TIMEOUT) -> None:
        self._http = connect_async(url, token, timeout)

    async def submit(
        self, file: str | Path | IO[bytes], *, keep_days: float | None = None, key: str | None = None
    ) -> Scan:
        """See `Client.submit`."""
        fields, headers = wish(keep_days, key)
        opened = await asyncio.to_thread(Path(file).open, "rb") if isinstance(file, str | Path) else file
        name = Path(file).name if isinstance(file, str | Path) else "file"
        try:
            sent = {"file": (name, opened)}
            return scan_of(told(await self._http.post(f"{API}/scans", files=sent, data=fields, headers=headers)))
        finally:
            if opened is not file:
                opened.close()

    async def submit_url(self, url: str, *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """See `Client.submit_url`."""
        fields, headers = wish(keep_days, key)
        return scan_of(told(await self._http.post(f"{API}/scans", json={"url": url, **fields}, headers=headers)))

    async def scan(self, key: str) -> Scan:
        """See `Client.scan`."""
        return scan_of(told(await self._http.get(f"{API}/scans/{key}")))

    async def wait(self, key: str, timeout: float | None = None) -> Scan:
        """See `Client.wait`."""
        async with asyncio.timeout(timeout):
            while not (scan := await self.scan(key)).over:
                await asyncio.sleep(POLL)
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
            query = query_of(q=q, status=status, kind=kind, limit=100, cursor=cursor)
            page = told(await self._http.get(f"{API}/scans", params=query))
            for one in page["items"]:
                yield scan_of(one)
            cursor = page["next"]

    async def download(self, key: str, what: str, target: str | Path) -> Path:
        """See `Client.download`."""
        async with self._http.stream("GET", f"{API}/scans/{key}/{what}") as answer:
            if not answer.is_success:
                await answer.aread()
                told(answer)
            out = await asyncio.to_thread(Path(target).open, "wb")
            try:
                async for piece in answer.aiter_bytes():
                    await asyncio.to_thread(out.write, piece)
            finally:
                await asyncio.to_thread(out.close)
        return Path(target)

    async def delete(self, key: str) -> None:
        """See `Client.delete`."""
        told(await self._http.delete(f"{API}/scans/{key}"))

    async def watch(self, url: str, name: str | None = None) -> dict[str, Any]:
        """See `Client.watch`."""
        body = {"url": url} if name is None else {"url": url, "name": name}
        return dict(told(await self._http.post(f"{API}/streams", json=body)))

    async def close(self) -> None:
        """See `Client.close`."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()
