"""The WHIP server: what it answers, and what becomes of those who publish to it."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")
pytest.importorskip("fastapi")

import aiortc
from models import write_models
from truefeed.stream.errors import ConfigError, SourceError
from truefeed.stream.sources import SourceOptions
from truefeed.stream.web.options import WebOptions
from truefeed.stream.web.server import WebServer
from truefeed.stream.webrtc.event_loop import Loop
from webrtc_runs import Running, long_clip, publisher, truefeed

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def serve(data: Path, options: SourceOptions, **door: Any) -> WebServer:
    """Return a server that has not started; it judges no files."""
    return WebServer(options, WebOptions(data=data), {}, **({"port": 0} | door))


class Door:
    """A server without a watch loop behind it."""

    def __init__(self, token: str | None = None, **options: Any) -> None:
        self._data = tempfile.TemporaryDirectory()
        self.server = serve(Path(self._data.name), SourceOptions(token=token, **options))
        self.server.start(threading.Event())

    def close(self) -> None:
        self.server.close()
        self._data.cleanup()

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


@pytest.fixture
def locked() -> Iterator[Door]:
    door = Door(token="s3cret", ice_servers=("turn:me:word@turn.example.org",))
    yield door
    door.close()


def offer(tracks: int = 2, direction: str = "sendonly") -> str:
    """Return an offer made by aiortc."""

    async def make() -> str:
        pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        for kind in itertools.islice(itertools.cycle(("video", "audio")), tracks):
            pc.addTransceiver(kind, direction=direction)
        await pc.setLocalDescription(await pc.createOffer())
        text = str(pc.localDescription.sdp)
        await pc.close()
        return text

    loop = Loop()
    try:
        return loop.call(make(), 20)
    finally:
        loop.close()


def test_publishing_trickling_and_leaving(door: Door) -> None:
    text = offer()
    status, headers, answer = door.ask("POST", "/whip/Ann", text, SDP)
    assert (status, headers["content-type"].partition(";")[0]) == (201, "application/sdp")
    assert "a=recvonly" in answer
    assert [come.name for come in door.server.arrivals()] == ["Ann"]
    place, etag = headers["location"], headers["etag"]
    candidate = "a=mid:0\r\na=candidate:1 1 udp 2015363327 192.0.2.9 40000 typ host\r\n"
    assert door.ask("PATCH", place, candidate, FRAGMENT)[0] == 428
    assert door.ask("PATCH", place, candidate, FRAGMENT | {"If-Match": '"other"'})[0] == 412
    assert door.ask("PATCH", place, candidate, SDP | {"If-Match": etag})[0] == 415
    assert door.ask("PATCH", place, "a=mid:0\r\na=candidate:rubbish\r\n", FRAGMENT | {"If-Match": etag})[0] == 400
    assert door.ask("PATCH", place, candidate, FRAGMENT | {"If-Match": etag})[0] == 204
    restart = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
    assert door.ask("PATCH", place, restart, FRAGMENT | {"If-Match": "*"})[0] == 422
    assert door.ask("DELETE", place)[0] == 200
    assert door.ask("DELETE", place)[0] == 404


def test_two_of_one_name_are_told_apart(door: Door) -> None:
    text = offer()
    for _ in range(2):
        assert door.ask("POST", "/whip/Ann", text, SDP)[0] == 201
    assert [come.name for come in door.server.arrivals()] == ["Ann", "Ann (2)"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("rubbish", SDP, 400),
        ("", SDP, 400),
        ("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", SDP, 400),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=sendonly\r\n", SDP, 400),
        ("v=0\r\n", {"Content-Type": "application/json"}, 415),
        ("v" * 70000, SDP, 413),
    ],
)
def test_what_is_no_offer_is_refused(door: Door, body: str, headers: dict[str, str], status: int) -> None:
    before = threading.active_count()
    for _ in range(3):
        assert door.ask("POST", "/whip/x", body, headers)[0] == status
    assert door.server.arrivals() == []
    assert threading.active_count() <= before


def test_a_chunked_body_is_no_way_round_the_limit(door: Door) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.server.port, timeout=20)
    connection.request("POST", "/whip/x", iter([b"v" * 8192] * 20), SDP, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_forty_tracks_and_one_who_only_listens_are_refused(door: Door) -> None:
    assert door.ask("POST", "/whip/x", offer(40), SDP)[0] == 422
    assert door.ask("POST", "/whip/x", offer(direction="recvonly"), SDP)[0] == 422
    assert door.server.arrivals() == []


def test_a_token_is_asked_for(locked: Door) -> None:
    status, headers, _ = locked.ask("POST", "/whip/x", "v=0", SDP)
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert locked.ask("POST", "/whip/x", "v=0", SDP | {"Authorization": "Bearer wrong"})[0] == 401
    assert locked.ask("GET", "/events")[0] == 401
    assert locked.ask("POST", "/whip/x", "v=0", SDP | {"Authorization": "Bearer s3cret"})[0] == 400
    assert locked.ask("GET", "/call")[0] == 200


def test_cors_and_turn_servers_for_those_with_the_token(locked: Door) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    status, headers, _ = locked.ask("OPTIONS", "/whip/x", headers=origin)
    assert (status, headers["accept-post"]) == (204, "application/sdp")
    assert headers["access-control-allow-origin"] == "*"
    assert "PATCH" in headers["access-control-allow-methods"]
    assert "link" not in headers
    headers = locked.ask("OPTIONS", "/whip/x", headers={"Authorization": "Bearer s3cret"})[1]
    assert headers["link"].startswith('<turn:turn.example.org>; rel="ice-server"')


def test_without_a_token_pages_of_other_sites_are_kept_out(door: Door) -> None:
    for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "rebound.example"}):
        assert door.ask("POST", "/whip/x", "v=0", SDP | headers)[0] == 403
        assert door.ask("GET", "/events", headers=headers)[0] == 403
    own = {"Origin": f"http://127.0.0.1:{door.server.port}"}
    assert door.ask("POST", "/whip/x", "v=0", SDP | own)[0] == 400
    assert door.ask("PUT", "/whip/x", "v=0", SDP | own)[0] == 405


def test_a_door_to_the_network_needs_a_token_and_a_free_port(door: Door, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="token"):
        serve(tmp_path, SourceOptions(), host="0.0.0.0")
    second = serve(tmp_path, SourceOptions(), port=door.server.port)
    with pytest.raises(SourceError, match="in use"):
        second.start(threading.Event())
    second.close()


def test_the_page_allows_nothing_from_elsewhere(door: Door) -> None:
    status, headers, page = door.ask("GET", "/call")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "__" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """`truefeed serve` with a small model; its events and the address to publish to."""
    model = write_models(tmp_path_factory.mktemp("models"))
    with truefeed("serve", "--port", "0", "--model", model) as running:
        page = running.wait(event="stream", source="call", state="online")["detail"]
        yield running, page.removesuffix("/call") + "/whip/"


def test_a_publisher_is_judged_and_told(serving: tuple[Running, str], clip: Path) -> None:
    running, url = serving
    with publisher(url + "Ann", clip) as ann:
        verdict = running.until(lambda: [v for v in running.of(event="verdict", participant="Ann") if v["faces"]], 60)[
            0
        ]
        assert verdict["source"] == "call#Ann"
        stats = running.wait(event="stats", participant="Ann")
        assert stats["codec"] == "VP8"
        assert stats["frames_decoded"] > 0
        assert stats["pli"] >= 0
        assert {"loss", "jitter_ms", "bitrate_kbps", "frame_age_ms", "audio_codec"} <= stats.keys()
        told = ann.until(lambda: [m["message"] for m in ann.events if m.get("message", {}).get("faces")], 20)
        assert (told[0]["event"], told[0]["width"]) == ("verdict", 320)
        ann.end()
    ended = running.wait(event="stream", state="ended", participant="Ann")
    assert ended["detail"] == "left"
    summary = running.wait(event="summary", participant="Ann")
    assert summary["frames_scored"] >= 1


def test_h264_without_sound(serving: tuple[Running, str], clip: Path) -> None:
    running, url = serving
    with publisher(url + "Bob", clip, "--codec", "H264", "--no-audio") as bob:
        running.wait(60, event="verdict", participant="Bob")
        assert running.wait(event="stats", participant="Bob")["codec"] == "H264"
        bob.end()
    running.wait(event="summary", participant="Bob")


def test_a_killed_publisher_is_noticed_soon_and_the_place_is_free_again(
    serving: tuple[Running, str], clip: Path
) -> None:
    running, url = serving
    with publisher(url + "Cid", clip) as cid:
        running.wait(60, event="stream", state="online", participant="Cid")
        begun = time.monotonic()
        cid.end(signal.SIGKILL)
    ended = running.wait(20, event="stream", state="ended", participant="Cid")
    assert ended["detail"] == "nothing received for 3 s"
    assert ended["_at"] - begun < 15, "ICE would take 35 s"
    start = len(running.events)
    with publisher(url + "Cid", clip) as cid:
        running.wait(60, start=start, event="stream", state="online", participant="Cid")
        cid.end()
    running.wait(start=start, event="summary", participant="Cid")


def test_loss_and_jitter_are_survived(serving: tuple[Running, str], clip: Path) -> None:
    running, url = serving
    with publisher(url + "Dan", clip, "--loss", "0.12", "--jitter", "0.1") as dan:
        running.wait(90, event="verdict", participant="Dan", count=5)
        stats = running.until(
            lambda: [s for s in running.of(event="stats", participant="Dan") if s.get("packets_lost")], 40
        )[0]
        assert stats["loss"] > 0
        running.until(
            lambda: [v for v in running.of(event="verdict", participant="Dan") if "packet-loss" in v["reasons"]], 60
        )
        dan.end()
    running.wait(event="summary", participant="Dan")


def test_an_interrupt_ends_everything(clip: Path, tmp_path: Path) -> None:
    with truefeed("serve", "--port", "0", "--model", write_models(tmp_path)) as running:
        url = running.wait(event="stream", source="call")["detail"].removesuffix("/call")
        with publisher(url + "/whip/Eve", clip) as eve:
            running.wait(60, event="stream", state="online", participant="Eve")
            assert running.end() == 0
            eve.until(lambda: eve.of(state="closed"), 40)
        assert [e["event"] for e in running.events[-2:]] == ["stream", "summary"]
        assert "".join(running.errors) == ""
        assert json.dumps(running.events).count('"ended"') == 1
