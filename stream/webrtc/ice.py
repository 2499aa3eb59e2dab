"""STUN and TURN servers as a person writes them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from ..errors import ConfigError
from ..redaction import public_server
from ..sources.base import SourceOptions
from .aiortc_hooks import connections, ice_servers, is_relay_only, protocols
from .deps import (
    StunProtocol,
    aiortc,
    connection_kwargs,
    relayed_candidate,
    server_reflexive_candidate,
)

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
        raise ConfigError(
            f"--ice-server {public_server(text)}: "
            "write stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, with ?transport=tcp for TCP"
        )
    if found["scheme"].startswith("turn") and found["user"] is None:
        raise ConfigError(f"--ice-server {public_server(text)}: a TURN server wants USER:PASSWORD@ before its host")
    url = f"{found['scheme']}:{found['host']}" + (f":{found['port']}" if found["port"] else "")
    if found["transport"]:
        url += f"?transport={found['transport']}"
    user, word = found["user"], found["word"]
    return url, user and unquote(user), word and unquote(word)


def configuration(options: SourceOptions) -> aiortc.RTCConfiguration:
    """Return aiortc's settings. No server is asked that the user did not name: aiortc's own default is left out.

    Raises ConfigError.
    """
    parsed = [parse(server) for server in options.ice_servers]
    if options.relay_only and not any(url.startswith("turn") for url, _, _ in parsed):
        raise ConfigError("--relay-only: name a TURN server with --ice-server turn:USER:PASSWORD@HOST:PORT")
    listed = [aiortc.RTCIceServer(urls=[url], username=user, credential=word) for url, user, word in parsed]
    policy = aiortc.RTCIceTransportPolicy.RELAY if options.relay_only else aiortc.RTCIceTransportPolicy.ALL
    return aiortc.RTCConfiguration(
        iceServers=listed, iceTransportPolicy=policy, bundlePolicy=aiortc.RTCBundlePolicy.MAX_BUNDLE
    )


def widen(pc: aiortc.RTCPeerConnection) -> None:
    """Have every server asked for candidates: aiortc asks the first STUN and the first TURN server only.

    To be called once the transports are there and before candidates are gathered. May be called twice.
    """
    for connection in connections(pc):
        if "get_component_candidates" not in vars(connection):
            _widen(connection, _others(pc))


def _others(pc: aiortc.RTCPeerConnection) -> list[dict[str, Any]]:
    """Return aiortc's own reading of each server but the first of its kind."""
    read = [connection_kwargs([server]) for server in ice_servers(pc)]
    stuns, turns = ([one for one in read if kind in one] for kind in ("stun_server", "turn_server"))
    return [*stuns[1:], *turns[1:]]


def _widen(connection: Any, others: list[dict[str, Any]]) -> None:
    first = connection.get_component_candidates

    async def gather(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:
        tried = [asyncio.ensure_future(_relay(connection, component, one)) for one in others if "turn_server" in one]
        found: list[Any] = await first(component, addresses, timeout)
        ours = protocols(connection)
        hosts = [p for p in ours if p.local_candidate.type == "host" and "." in p.local_candidate.host]
        for one in others:
            if "stun_server" in one and not any(c.type == "srflx" for c in found):
                tried += [asyncio.ensure_future(server_reflexive_candidate(p, one["stun_server"])) for p in hosts]
        done, pending = await asyncio.wait(tried, timeout=timeout) if tried else (set(), set())
        for task in pending:
            task.cancel()
        for candidate, protocol in (task.result() for task in done if task.exception() is None):
            found.append(candidate)
            ours += [protocol] if protocol is not None else []
        return found

    connection.get_component_candidates = gather


async def _relay(connection: Any, component: int, server: dict[str, Any]) -> Any:
    return await relayed_candidate(
        component=component,
        hide_related_address=is_relay_only(connection),
        protocol_factory=lambda: StunProtocol(connection),
        turn_server=server["turn_server"],
        turn_username=server["turn_username"],
        turn_password=server["turn_password"],
        turn_ssl=server["turn_ssl"],
        turn_transport=server["turn_transport"],
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
