"""A Janus that answers what no Janus should: its room is tried again and says why, and nothing dies in silence."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("aiortc")
pytest.importorskip("aiohttp")

from aiohttp import web
from truefeed.stream.errors import SourceError
from truefeed.stream.open import open_room
from truefeed.stream.sources import SourceOptions

Answer = Callable[[dict[str, Any]], Any]


def proper(message: dict[str, Any]) -> Any:
    """Answer as Janus does, for a room in which nobody publishes."""
    data: dict[str, Any] = {"id": 7}
    if message["janus"] == "message":
        return {"janus": "event", "plugindata": {"data": {"videoroom": "joined", "publishers": []}}}
    return {"janus": "success", "data": data}


@contextmanager
def janus(*connections: Answer) -> Iterator[int]:
    """Serve each connection in turn with an answer of its own; one that is proper is broken off after joining."""
    waiting = list(connections)

    async def talk(request: web.Request) -> web.WebSocketResponse:
        answer = waiting.pop(0) if waiting else proper
        socket = web.WebSocketResponse(protocols=("janus-protocol",))
        await socket.prepare(request)
        async for received in socket:
            message = json.loads(received.data)
            told = answer(message)
            if isinstance(told, dict):
                told = {**told, "transaction": message["transaction"]}
            await socket.send_json(told)
            if message["janus"] == "message" and waiting:
                await socket.close()
        return socket

    loop, ready = asyncio.new_event_loop(), threading.Event()
    port: list[int] = []

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.get("/", talk)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.append(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


ODD: dict[str, Answer] = {
    "no id": lambda message: {"janus": "success", "data": {}},
    "no object": lambda message: {"janus": "success", "data": "geheim"},
    "an id that is none": lambda message: {"janus": "success", "data": {"id": "x"}},
    "an error that is none": lambda message: {"janus": "error", "error": "geheim"},
    "publishers of another kind": lambda message: (
        {"janus": "event", "plugindata": {"data": {"publishers": 5}}}
        if message["janus"] == "message"
        else proper(message)
    ),
    "plugin data of another kind": lambda message: (
        {"janus": "event", "plugindata": "x"} if message["janus"] == "message" else proper(message)
    ),
    "a refusal that quotes": lambda message: {"janus": "error", "error": {"code": 403, "reason": "bad PIN geheim"}},
}


def _until(room: Any, done: Callable[[list[Any]], bool]) -> list[Any]:
    changes: list[Any] = []
    end = time.monotonic() + 20
    while not done(changes):
        assert time.monotonic() < end, changes
        changes += room.changes()
        time.sleep(0.02)
    return changes


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_a_room_is_entered_again_whatever_the_server_answered(odd: Answer) -> None:
    with janus(proper, odd, proper) as port:
        options = SourceOptions(backoff=(0.05, 0.1), token="s3cret")
        room: Any = open_room(f"janus+ws://127.0.0.1:{port}/?room=1234&pin=geheim", options, "me")
        room.start(threading.Event())
        changes = _until(room, lambda told: [c.state for c in told].count("online") == 2)
        room.close()
    states = [change.state for change in changes if change.state != "stalled"]
    assert states == ["online", "retrying", "retrying", "online"]
    assert "the server is gone" in changes[1].detail
    assert changes[-2].detail.endswith("next attempt in 0.1 s")
    assert "geheim" not in str(changes)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_what_can_not_be_entered_at_first_is_an_error_in_words(odd: Answer) -> None:
    with janus(odd) as port:
        room: Any = open_room(f"janus+ws://127.0.0.1:{port}/?room=1234&pin=geheim", SourceOptions(), "me")
        with pytest.raises(SourceError, match=r"janus\+ws://127\.0\.0\.1") as raised:
            room.start(threading.Event())
        room.close()
    assert "geheim" not in str(raised.value)


def test_a_task_that_dies_is_told() -> None:
    with janus(proper, proper) as port:
        room: Any = open_room(f"janus+ws://127.0.0.1:{port}/?room=1234", SourceOptions(backoff=(5, 5)), "me")
        room.start(threading.Event())

        async def die() -> None:
            raise RuntimeError("rtsp://u:geheim@host/x")

        room._loop.soon(lambda: room._begin(die()))
        changes = _until(room, lambda told: any(c.state == "stalled" for c in told))
        room.close()
    assert "RuntimeError: rtsp://***@host/x" in [change.detail for change in changes]
