"""What the pages of a call say to each other through the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")
pytest.importorskip("aiohttp")
pytest.importorskip("fastapi")

import aiohttp
import aiortc
from truefeed.stream.sources import SourceOptions
from truefeed.stream.web.options import WebOptions
from truefeed.stream.web.server import WebServer
from truefeed.stream.webrtc.signaling import BURST, LONGEST

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(SourceOptions(), WebOptions(data=tmp_path), {}, port=0)
    server.start(threading.Event())
    yield server
    server.close()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(SourceOptions(token="s3cret"), WebOptions(data=tmp_path), {}, port=0)
    server.start(threading.Event())
    yield server
    server.close()


async def publish(http: aiohttp.ClientSession, server: WebServer, name: str, **headers: str) -> str:
    """Open a session as a page does; return its address."""
    pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    pc.addTransceiver("audio", direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    root = f"http://127.0.0.1:{server.port}"
    async with http.post(f"{root}/whip/{name}", data=pc.localDescription.sdp, headers=SDP | headers) as answer:
        assert answer.status == 201
        place = root + answer.headers["Location"]
    await pc.close()
    return place


async def heard(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return dict(await socket.receive_json(timeout=10))


def test_two_pages_find_each_other(server: WebServer) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as http:
            ann_place, bob_place = [await publish(http, server, name) for name in ("Ann", "Bob")]
            ann = await http.ws_connect(ann_place + "/talk")
            assert await heard(ann) == {"event": "room", "name": "Ann", "others": []}
            bob = await http.ws_connect(bob_place + "/talk")
            assert await heard(bob) == {"event": "room", "name": "Bob", "others": ["Ann"]}
            assert await heard(ann) == {"event": "peer", "name": "Bob", "present": True}
            for wrong in ("rubbish", "[]", "[" * 5000, '{"to": "Ann"}', '{"to": "Cid", "signal": 1}', '{"signal": 1}'):
                await bob.send_str(wrong)
            await bob.send_json({"to": "Ann", "signal": {"sdp": "x" * 9000}, "from": "Cid"})
            assert await heard(ann) == {"event": "signal", "from": "Bob", "signal": {"sdp": "x" * 9000}}
            await http.delete(bob_place)
            assert await heard(ann) == {"event": "peer", "name": "Bob", "present": False}
            assert (await bob.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            await ann.close()

    asyncio.run(talk())


def test_a_flood_and_a_giant_reach_nobody(server: WebServer) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as http:
            ann, bob = [
                await http.ws_connect(await publish(http, server, name) + "/talk", max_msg_size=0)
                for name in ("Ann", "Bob")
            ]
            assert [(await heard(ann))["event"] for _ in range(2)] == ["room", "peer"]
            for number in range(3 * int(BURST)):
                await bob.send_json({"to": "Ann", "signal": number})
            await bob.send_json({"to": "Ann", "signal": "x" * LONGEST})
            signals = []
            while (event := await heard(ann))["event"] == "signal":
                signals.append(event["signal"])
            assert signals == sorted(signals)
            assert len(signals) < 2.5 * BURST
            assert event == {"event": "peer", "name": "Bob", "present": False}
            await ann.close()
            await bob.close()

    asyncio.run(talk())


def test_the_session_stands_for_the_token(locked: WebServer) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as http:
            place = await publish(http, locked, "Ann", Authorization="Bearer s3cret")
            ann = await http.ws_connect(place + "/talk")
            assert (await heard(ann))["name"] == "Ann"
            for wrong in (place + "x/talk", place.rpartition("/")[0] + "//talk"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await http.ws_connect(wrong)
                assert refused.value.status == 404
            async with http.delete(place) as answer:
                assert answer.status == 401
            await ann.close()

    asyncio.run(talk())


def test_a_page_of_another_site_hears_nothing(server: WebServer) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as http:
            place = await publish(http, server, "Ann")
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(place + "/talk", origin="https://elsewhere.example")
            assert refused.value.status == 403

    asyncio.run(talk())
