"""Brings a file from an address. Addresses inside are refused unless allowed (server-side request forgery).

The name is looked up once, each of its addresses is checked, and the connection goes to the very address that was
checked, so that a name which answers differently the second time gains nothing. Redirections are followed by hand, each
checked alike.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from string import punctuation
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from ..errors import SourceError
from ..redaction import redact

_REDIRECTIONS = 5
_WAIT = 15.0
"For a connection, and for each piece, s."
_LONGEST = 1800.0
"A whole file takes no longer than this, s."
_PIECE = 1 << 18
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_private(address: Address) -> bool:
    """Tell whether an address is anything but one of the public network."""
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if mapped is not None:
        return is_private(mapped)
    return not address.is_global or address.is_multicast


def check(url: str) -> SplitResult:
    """Return the parts of an address that may be asked for at all. Raises SourceError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SourceError(f"{redact(url)}: this is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError(f"{redact(url)}: an address begins with https:// or http://")
    return parts


def resolve(host: str, port: int, *, private: bool) -> str:
    """Return an address of a host that may be connected to. Raises SourceError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceError(f"{host}: the host can't be found") from None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not private and any(is_private(ipaddress.ip_address(a)) for a in addresses):
        raise SourceError(
            f"{host}: an address of this machine or its network; only with `--allow-private` is it fetched"
        )
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """Connects to an address that was looked up before, and calls the host by its name."""

    def __init__(self, parts: SplitResult, address: str) -> None:
        self._secure = parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port or (443 if self._secure else 80), timeout=_WAIT)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), _WAIT)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def fetch(
    url: str,
    target: Callable[[str], Path],
    *,
    most: int,
    private: bool,
    tell: Callable[[float], None],
    longest: float = _LONGEST,
) -> tuple[Path, str, int]:
    """Write what an address holds into a file.

    Args:
        url: http or https.
        target: takes the name that the address suggests and returns where to write.
        most: bytes.
        private: whether addresses inside are allowed.
        tell: takes the share that has come, where that can be known.
        longest: for all of it, s.

    Returns:
        the file, the name, and the size in bytes.

    Raises:
        SourceError: refused, too large, too slow, or not there.
    """
    deadline = time.monotonic() + longest
    for _ in range(_REDIRECTIONS + 1):
        parts = check(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = _Pinned(parts, resolve(parts.hostname or "", port, private=private))
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", quote(path, safe=punctuation), headers=_headers(parts))
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("Location"):
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != 200:
                raise SourceError(f"{redact(url)}: the server answered HTTP {answer.status}")
            name = _name(parts)
            file = target(name)
            return file, name, _write(answer, file, redact(url), most, deadline, tell)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{redact(url)}: {error or type(error).__name__}") from None
        finally:
            connection.close()
    raise SourceError(f"{redact(url)}: more than {_REDIRECTIONS} redirections")


def _write(
    answer: http.client.HTTPResponse, file: Path, url: str, most: int, deadline: float, tell: Callable[[float], None]
) -> int:
    size, total = 0, answer.length
    if total is not None and total > most:
        raise SourceError(f"{url}: {total / 1e9:.1f} GB are more than the {most / 1e9:.1f} GB allowed")
    told = 0.0
    with file.open("wb") as out:
        while data := answer.read1(_PIECE):  # not more than has come: a server that drips is noticed
            size += len(data)
            if size > most:
                raise SourceError(f"{url}: more than the {most / 1e9:.1f} GB allowed")
            now = time.monotonic()
            if now > deadline:
                raise SourceError(f"{url}: not here in the time allowed")
            out.write(data)
            if total and now - told > 0.3:
                told = now
                tell(size / total)
    if total is not None and size < total:
        raise SourceError(f"{url}: broke off after {size} of {total} bytes")
    return size


def _headers(parts: SplitResult) -> dict[str, str]:
    """Name and password go to the host of the very address they stand in, and with no redirection to another."""
    headers = {"User-Agent": "truefeed", "Accept": "*/*"}
    if parts.username is None:
        return headers
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return headers | {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def _name(parts: SplitResult) -> str:
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    return re.sub(r"[^\w. ()\[\]-]", "_", last)[:120] or parts.hostname or "file"
