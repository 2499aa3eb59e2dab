"""Through a real TURN server, and in no other way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiortc")

import turn_server
from models import write_models
from truefeed.stream.errors import ConfigError
from truefeed.stream.sources import SourceOptions
from truefeed.stream.webrtc.ice import configuration
from webrtc_runs import Running, free_port, long_clip, publisher, truefeed

pytestmark = pytest.mark.skipif(not turn_server.available(), reason="coturn is not installed: apt-get install coturn")


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[turn_server.Turn]:
    with turn_server.Turn(tmp_path_factory.mktemp("turn")) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_clip(tmp_path_factory.mktemp("clip"))


def serving(folder: Path, turn: turn_server.Turn, *servers: str) -> Running:
    words = [word for server in servers for word in ("--ice-server", server)]
    model = write_models(folder)
    env = {"SSL_CERT_FILE": str(turn.certificate)}
    return truefeed("serve", "--port", "0", "--model", model, "--relay-only", *words, env=env)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_publisher_is_reached_through_the_relay_only(
    tmp_path: Path, turn: turn_server.Turn, clip: Path, transport: str
) -> None:
    with serving(tmp_path, turn, turn.url(transport)) as running:
        url = running.wait(event="stream", source="call")["detail"].removesuffix("/call") + "/whip/Ann"
        with publisher(url, clip) as ann:
            running.wait(60, event="verdict", participant="Ann")
            assert running.wait(20, event="stats", participant="Ann")["path"] == "relay"
            ann.end()
        running.wait(20, event="summary", participant="Ann")
        assert "s3cret" not in str(running.events) + "".join(running.errors)


def test_the_next_server_is_asked_where_the_first_is_dead(tmp_path: Path, turn: turn_server.Turn, clip: Path) -> None:
    dead = f"turn:me:s3cret@{turn.host}:{free_port()}?transport=tcp"
    with serving(tmp_path, turn, dead, turn.url("udp")) as running:
        url = running.wait(event="stream", source="call")["detail"].removesuffix("/call") + "/whip/Ann"
        with publisher(url, clip):
            assert running.wait(60, event="stats", participant="Ann", connection="connected")["path"] == "relay"


def test_a_wrong_password_is_told_to_who_publishes(tmp_path: Path, turn: turn_server.Turn, clip: Path) -> None:
    with serving(tmp_path, turn, turn.url("udp", password="wr0ng")) as running:
        url = running.wait(event="stream", source="call")["detail"].removesuffix("/call") + "/whip/Ann"
        with publisher(url, clip) as ann:
            assert ann.wait(40, location=None)["status"] == 503


def test_relaying_needs_a_relay() -> None:
    with pytest.raises(ConfigError, match="--relay-only"):
        configuration(SourceOptions(relay_only=True, ice_servers=("stun:stun.example.org",)))
