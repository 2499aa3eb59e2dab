"""LiveKit as far as it goes without a server: tokens, addresses, and the SDK's own frames, tracks and figures."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from truefeed.stream.errors import SourceAuthError, SourceError
from truefeed.stream.open import open_room
from truefeed.stream.sources import SourceOptions, Tally

pytest.importorskip("livekit")
pytest.importorskip("aiortc")

from livekit import rtc
from livekit.rtc._proto import stats_pb2
from models import write_models
from truefeed.stream.cli import main
from truefeed.stream.types import Verdict
from truefeed.stream.webrtc.livekit_feed import Feed, upright
from webrtc_runs import free_port

VERDICT = Verdict("", 1.0, 0.5, "uncertain", (), None, (), None, "Ann")


def token(**changes: Any) -> str:
    """Return a token as LiveKit's, but for the signature."""
    video = {"roomJoin": True, "room": "demo"} | changes.pop("video", {})
    # A day: some are made while the tests are collected, long before their turn comes on a slow machine.
    claims = {"sub": "watcher", "exp": time.time() + 86400, "video": video} | changes
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmVkLW5vdA"


def test_a_room_is_named_without_its_token() -> None:
    room = open_room(f"livekit+wss://{token()}@example.org/demo?host=ann", SourceOptions(), "me")
    assert room is not None
    assert room.name == "livekit+wss://***@example.org/demo?host=ann"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "TRUEFEED_TOKEN"),
        ("s3cret", "no LiveKit access token"),
        ("a.b.c", "no LiveKit access token"),
        (token(exp=1_000_000_000), "has expired"),
        (token(video={"roomJoin": False}), "roomJoin"),
        (token(video={"canSubscribe": False}), "canSubscribe"),
        (token(video={"room": "other"}), "another room (other)"),
    ],
)
def test_what_is_wrong_with_a_token_is_told_at_once(given: str | None, said: str) -> None:
    with pytest.raises(SourceAuthError) as raised:
        open_room("livekit+wss://example.org/demo", SourceOptions(token=given), "me")
    assert said in str(raised.value)
    assert given is None or given not in str(raised.value)


def test_a_host_is_needed() -> None:
    with pytest.raises(SourceError, match="no host"):
        open_room("livekit+wss:///demo", SourceOptions(token=token()), "me")


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Serve nothing but one HTTP status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "said"), [(401, "refused the token"), (404, "no such room"), (None, "refused or")])
def test_what_the_server_answers_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int | None, said: str
) -> None:
    model, secret = str(write_models(tmp_path)), token()
    if status is None:
        code = main(["watch", f"livekit+ws://127.0.0.1:{free_port()}/demo", "--token", secret, "--model", model])
    else:
        with answering(status) as port:
            code = main(["watch", f"livekit+ws://127.0.0.1:{port}/demo", "--token", secret, "--model", model])
    error = capsys.readouterr().err
    assert code == 1
    assert said in error
    assert secret not in error


def test_the_extra_is_named_where_the_sdk_is_absent() -> None:
    script = (
        "import sys; sys.modules['livekit'] = None\n"
        "from truefeed.stream.cli import main\n"
        "sys.exit(main(['watch', 'livekit+wss://example.org/demo', '--token', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'truefeed[livekit]'" in done.stderr
    assert "Traceback" not in done.stderr


def picture(width: int, height: int) -> rtc.VideoFrame:
    """Return a picture whose left upper quarter is red, the rest blue."""
    image = np.zeros((height, width, 4), np.uint8)
    image[..., 2], image[..., 3] = 255, 255
    image[: height // 2, : width // 2] = (255, 0, 0, 255)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, image.tobytes())


@pytest.mark.parametrize("converted", [True, False])
@pytest.mark.parametrize(("turns", "corner"), [(0, (0, 0)), (1, (0, 1)), (2, (1, 1)), (3, (1, 0))])
@pytest.mark.parametrize("size", [(64, 48), (62, 46)])
def test_pictures_come_upright(converted: bool, turns: int, corner: tuple[int, int], size: tuple[int, int]) -> None:
    frame = picture(*size)
    image = upright(frame.convert(rtc.VideoBufferType.I420) if converted else frame, turns).to_ndarray(format="rgb24")
    height, width = image.shape[:2]
    assert (width, height) == (size if turns % 2 == 0 else size[::-1])
    for row in (0, 1):
        for column in (0, 1):
            pixel = image[(1 + 2 * row) * height // 4, (1 + 2 * column) * width // 4].astype(int)
            assert (pixel[0] > pixel[2]) == ((row, column) == corner)


def test_an_odd_size_is_no_trouble() -> None:
    assert upright(picture(63, 47), 1).to_ndarray(format="rgb24").shape == (63, 47, 3)


def test_the_sdks_own_tracks_reach_the_inbox() -> None:
    async def watch() -> Feed:
        feed = Feed(Tally())
        camera, speaker = rtc.VideoSource(64, 48), rtc.AudioSource(48000, 1)
        feed.watch(rtc.LocalVideoTrack.create_video_track("camera", camera), video=True)
        feed.watch(rtc.LocalAudioTrack.create_audio_track("microphone", speaker), video=False)
        for number in range(400):
            camera.capture_frame(picture(64, 48), timestamp_us=number * 33_333)
            await speaker.capture_frame(rtc.AudioFrame(np.full(480, 8000, np.int16).tobytes(), 48000, 1, 480))
            await asyncio.sleep(0.02)
            waiting = feed.inbox._waiting
            if waiting["video"] and waiting["audio"] > 2:
                break
        await feed.close("left")
        return feed

    feed = asyncio.run(watch())
    kinds = set()
    while (entry := feed.inbox.take(0)) is not None:
        kinds.add(entry.kind)
        if entry.kind == "video":
            assert (entry.frame.width, entry.frame.height) == (64, 48)  # type: ignore[union-attr]
    assert kinds == {"video", "audio"}
    assert feed.inbox.closed == "left"
    assert feed.report()["frames_decoded"] > 0


def test_figures_are_taken_from_the_sdks_statistics() -> None:
    feed = Feed(Tally())
    for at, size, got, lost in ((10.0, 0, 0, 0), (11.0, 125_000, 90, 10)):
        one = stats_pb2.RtcStats()
        one.inbound_rtp.received.packets_received, one.inbound_rtp.received.packets_lost = got, lost
        one.inbound_rtp.inbound.bytes_received, one.inbound_rtp.inbound.pli_count = size, 2
        codec = stats_pb2.RtcStats()
        codec.codec.codec.mime_type = "video/VP8"
        feed.count([one, codec], at)
    told = feed.report()
    assert (told["bitrate_kbps"], told["loss"], told["pli"], told["codec"]) == (1000.0, 0.1, 2, "VP8")


def test_participants_come_and_go() -> None:
    room: Any = open_room("livekit+wss://example.org/demo", SourceOptions(token=token()), "me")

    async def meet() -> list[str]:
        dropped: list[str] = []

        def publication(sid: str) -> Any:
            return SimpleNamespace(sid=sid, set_subscribed=lambda wanted: dropped.append(sid))

        camera = rtc.LocalVideoTrack.create_video_track("camera", rtc.VideoSource(64, 48))
        ann, bob = SimpleNamespace(identity="1", name="Ann"), SimpleNamespace(identity="2", name="Ann")
        room._subscribed(camera, publication("c"), ann)
        room._subscribed(camera, publication("screen"), ann)
        room._subscribed(camera, publication("d"), bob)
        room._unsubscribed(camera, publication("c"), ann)
        room._subscribed(camera, publication("again"), ann)
        room._gone("1", "left")
        room._lost(room._room, rtc.DisconnectReason.PARTICIPANT_REMOVED)
        await asyncio.sleep(0.05)
        await room._goodbye()
        return dropped

    assert asyncio.run(meet()) == ["screen"]
    came = room.arrivals()
    assert [come.name for come in came] == ["Ann", "Ann (2)"]
    assert came[0].source.peer.inbox.closed == "left"
    assert room.ended
    assert [change.state for change in room.changes()] == ["ended"]


class Wire:
    """Takes what a room sends, in place of the SDK's connection to a server."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[str], str]] = []
        self.local_participant = self

    async def publish_data(self, data: bytes, *, destination_identities: list[str], **options: Any) -> None:
        self.sent += [(destination_identities, json.loads(data)["source"])]

    async def disconnect(self) -> None:
        pass


def test_results_go_to_whom_they_are_about_and_to_nobody_of_the_same_name() -> None:
    """Two rooms with an Ann each; one of them leaves, and another Ann takes her name."""
    rooms: list[Any] = []
    for name in ("one", "two"):
        secret = token(video={"room": name})
        rooms.append(open_room(f"livekit+wss://example.org/{name}", SourceOptions(token=secret), "me"))
    wires = [Wire(), Wire()]

    async def meet() -> None:
        loop = asyncio.get_running_loop()
        camera = rtc.LocalVideoTrack.create_video_track("camera", rtc.VideoSource(64, 48))
        for room, wire, identity in zip(rooms, wires, ("1", "2"), strict=True):
            room._room = wire
            room._loop = SimpleNamespace(soon=loop.call_soon, close=lambda: None)
            room._subscribed(camera, SimpleNamespace(sid="c"), SimpleNamespace(identity=identity, name="Ann"))
        first, second = (room.arrivals()[0] for room in rooms)
        first.results.verdict(replace(VERDICT, source="one#Ann"), None)
        second.results.verdict(replace(VERDICT, source="two#Ann"), None)
        await asyncio.sleep(0.05)
        rooms[0]._gone("1", "left")
        rooms[0]._subscribed(camera, SimpleNamespace(sid="d"), SimpleNamespace(identity="3", name="Ann"))
        (third,) = rooms[0].arrivals()
        assert (third.name, third.source.name) == (first.name, first.source.name)
        first.results.verdict(replace(VERDICT, source="late"), None)
        third.results.verdict(replace(VERDICT, source="one#Ann again"), None)
        await asyncio.sleep(0.05)
        for room in rooms:
            await room._goodbye()

    asyncio.run(meet())
    assert wires[0].sent == [(["1"], "one#Ann"), (["3"], "one#Ann again")]
    assert wires[1].sent == [(["2"], "two#Ann")]


def test_nothing_goes_back_where_the_token_forbids_it() -> None:
    room: Any = open_room("livekit+wss://example.org", SourceOptions(token=token(video={"canPublish": False})), "me")

    async def meet() -> None:
        camera = rtc.LocalVideoTrack.create_video_track("camera", rtc.VideoSource(64, 48))
        room._subscribed(camera, SimpleNamespace(sid="c"), SimpleNamespace(identity="1", name="Ann"))
        await room._goodbye()

    asyncio.run(meet())
    assert room.arrivals()[0].results is None
