"""Which server a token is sent to: the one that it was given for, and no other."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..redaction import public_name

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_WAYS = ("whep", "janus", "livekit")


def with_tokens(streams: Sequence[dict[str, Any]], option: str | None, default: str | None) -> list[dict[str, Any]]:
    """Return the settings of the streams with the token that each may send.

    A token in a URL, or beside it in the configuration file, is that stream's. One that names no server (`--token`,
    `token` of the file's `defaults`, TRUEFEED_TOKEN) is taken where all calls without a token of their own are at one
    server.

    Args:
        streams: the settings of each, `token` only where it is its own.
        option: the token of the command line.
        default: the token of the file's defaults.

    Raises:
        ConfigError: several servers could be meant.
    """
    known = (option, "--token"), (default, "token of `defaults`"), (os.environ.get("TRUEFEED_TOKEN"), "TRUEFEED_TOKEN")
    token, where = next(((token, where) for token, where in known if token), (None, ""))
    if token is None:
        return list(streams)
    servers = {server for stream in streams if _lacks(stream) and (server := call_server(stream["url"])) is not None}
    if len(servers) > 1:
        named = ", ".join(sorted(f"{host}:{port}" for host, port in servers))
        raise ConfigError(
            f"{where}: a token goes to one server, and {len(servers)} are named ({named}); write it before the host "
            "(whep+https://TOKEN@HOST/...) or as `token` of its stream in the configuration file"
        )
    return [{**stream, "token": token} if _lacks(stream) else stream for stream in streams]


def _lacks(stream: Mapping[str, Any]) -> bool:
    """Tell whether a stream has no token of its own."""
    return stream.get("token") is None and "@" not in re.split("[/?#]", stream["url"].partition("://")[2])[0]


def call_server(url: str) -> tuple[str, int] | None:
    """Return host and port of the server that a call is taken from; None for every other source."""
    way, plus, scheme = url.partition(":")[0].lower().partition("+")
    if not plus or way not in _WAYS:
        return None
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 443)
    except ValueError:
        raise ConfigError(f"{public_name(url)}: not a valid address") from None
