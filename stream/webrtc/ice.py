"""STUN and TURN servers as a person writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from ..errors import ConfigError, redact
from .packages import aiortc

_SERVER = re.compile(
    r"(?P<scheme>stuns?|turns?):(?://)?(?:(?P<user>[^:@/]+):(?P<word>[^@/]*)@)?"
    r"(?P<host>\[[0-9a-fA-F:]+\]|[^:@/?\[\]]+)(?::(?P<port>\d{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?"
)


def parse(text: str) -> tuple[str, str | None, str | None]:
    """Return (URL, user, password) of `stun:HOST[:PORT]` or `turn[s]:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`.

    Raises ConfigError.
    """
    found = _SERVER.fullmatch(text.strip())
    if found is None:
        shown = re.sub(r"(?<=:).*@", "***@", redact(text))
        raise ConfigError(
            f"--ice-server {shown}: write stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, with ?transport=tcp for TCP"
        )
    if found["scheme"].startswith("turn") and found["user"] is None:
        raise ConfigError(f"--ice-server {text}: a TURN server wants USER:PASSWORD@ before its host")
    url = f"{found['scheme']}:{found['host']}" + (f":{found['port']}" if found["port"] else "")
    if found["transport"]:
        url += f"?transport={found['transport']}"
    user, word = found["user"], found["word"]
    return url, user and unquote(user), word and unquote(word)


def configuration(servers: Iterable[str], *, relay_only: bool = False) -> aiortc.RTCConfiguration:
    """Return aiortc's settings. No server is asked that the user did not name: aiortc's own default is left out."""
    listed = [
        aiortc.RTCIceServer(urls=[url], username=user, credential=word) for url, user, word in map(parse, servers)
    ]
    policy = aiortc.RTCIceTransportPolicy.RELAY if relay_only else aiortc.RTCIceTransportPolicy.ALL
    return aiortc.RTCConfiguration(
        iceServers=listed, iceTransportPolicy=policy, bundlePolicy=aiortc.RTCBundlePolicy.MAX_BUNDLE
    )


def links(servers: Sequence[str]) -> list[str]:
    """Return the values of the `Link` headers that tell a WHIP client of the servers (RFC 9725, section 4.6)."""
    values = []
    for url, user, word in map(parse, servers):
        value = f'<{url}>; rel="ice-server"'
        if user is not None:
            value += f'; username="{_quoted(user)}"; credential="{_quoted(word or "")}"; credential-type="password"'
        values.append(value)
    return values


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
