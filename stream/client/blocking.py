"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .answers import API, POLL, TIMEOUT, Scan, connect, query_of, scan_of, told, wish


class Client:
    """A connection; to be closed, or used with `with`.

    Args:
        url: of the server.
        token: where it asks for one; None: the environment's TRUEFEED_TOKEN.
        timeout: of one request, s.
    """

    def __init__(self, url: str = "http://localhost:5000", token: str | None = None, timeout: float = TIMEOUT) -> None:
        self._http = connect(url, token, timeout)

    def submit(self, file: str | Path | IO[bytes], *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """Send a file; the answer is a job that has hardly begun.

        Args:
            file: a path, or something open for reading bytes.
            keep_days: the server keeps the file for so long; None leaves it to the server.
            key: the same one gets the same job again.
        """
        fields, headers = wish(keep_days, key)
        if isinstance(file, str | Path):
            with Path(file).open("rb") as opened:
                sent = {"file": (Path(file).name, opened)}
                return scan_of(told(self._http.post(f"{API}/scans", files=sent, data=fields, headers=headers)))
        return scan_of(told(self._http.post(f"{API}/scans", files={"file": file}, data=fields, headers=headers)))

    def submit_url(self, url: str, *, keep_days: float | None = None, key: str | None = None) -> Scan:
        """Have the server fetch an address."""
        fields, headers = wish(keep_days, key)
        return scan_of(told(self._http.post(f"{API}/scans", json={"url": url, **fields}, headers=headers)))

    def scan(self, key: str) -> Scan:
        """Return a job."""
        return scan_of(told(self._http.get(f"{API}/scans/{key}")))

    def wait(self, key: str, timeout: float | None = None) -> Scan:
        """Wait until a job is over. Raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (scan := self.scan(key)).over:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"job {key} is not over after {timeout:g} s")
            time.sleep(POLL)
        return scan

    def judge(self, file: str | Path | IO[bytes], timeout: float | None = None) -> Scan:
        """Send a file and wait for what is found."""
        return self.wait(self.submit(file).id, timeout)

    def history(self, *, q: str | None = None, status: str | None = None, kind: str | None = None) -> Iterator[Scan]:
        """Yield the jobs, the newest first."""
        cursor: str | None = ""
        while cursor is not None:
            query = query_of(q=q, status=status, kind=kind, limit=100, cursor=cursor)
            page = told(self._http.get(f"{API}/scans", params=query))
            yield from map(scan_of, page["items"])
            cursor = page["next"]

    def download(self, key: str, what: str, target: str | Path) -> Path:
        """Write `report.html`, `result.json`, `evidence.zip` or `media` of a job into a file."""
        with self._http.stream("GET", f"{API}/scans/{key}/{what}") as answer:
            if not answer.is_success:
                answer.read()
                told(answer)
            with Path(target).open("wb") as out:
                for piece in answer.iter_bytes():
                    out.write(piece)
        return Path(target)

    def delete(self, key: str) -> None:
        """Delete a job with all its files."""
        told(self._http.delete(f"{API}/scans/{key}"))

    def watch(self, url: str, name: str | None = None) -> dict[str, Any]:
        """Have the server watch a camera or a stream."""
        body = {"url": url} if name is None else {"url": url, "name": name}
        return dict(told(self._http.post(f"{API}/streams", json=body)))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
