"""The parts of the WebRTC peer that need no peer: gate, jitter buffer, inbox, clock, ICE servers, tokens."""

from __future__ import annotations

import time
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from truefeed.stream.errors import ConfigError, SourceError

pytest.importorskip("aiortc")

from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from truefeed.stream.open import open_room, open_source
from truefeed.stream.sources import SourceOptions
from truefeed.stream.webrtc import frame_queue, ice
from truefeed.stream.webrtc.aiortc_hooks import BLOCKED, WatchedBuffer
from truefeed.stream.webrtc.avsync import Clock
from truefeed.stream.webrtc.gate import BACKLOG, Gate, is_keyframe
from truefeed.stream.webrtc.whep import split

VP8 = SimpleNamespace(name="VP8", mimeType="video/VP8")


def vp8(count: int) -> list[bytes]:
    """Return compressed pictures of noise, the first of them a keyframe."""
    encoder = Vp8Encoder()
    noise = np.random.default_rng(1)
    found = []
    for number in range(count):
        picture = av.VideoFrame.from_ndarray(noise.integers(0, 255, (64, 64, 3), np.uint8), format="rgb24")
        picture.pts, picture.time_base = number * 3000, Fraction(1, 90000)
        payloads, _ = encoder.encode(picture, force_keyframe=number == 0)
        # Without their descriptors the payloads of a picture make up its data.
        found.append(b"".join(payload[_descriptor(payload) :] for payload in payloads))
    return found


def _descriptor(payload: bytes) -> int:
    from aiortc.codecs.vpx import VpxPayloadDescriptor

    _, rest = VpxPayloadDescriptor.parse(payload)
    return len(payload) - len(rest)


def test_keyframes_are_known() -> None:
    assert [is_keyframe("VP8", data) for data in vp8(3)] == [True, False, False]
    assert is_keyframe("H264", b"\0\0\0\1\x67abc\0\0\0\1\x68d\0\0\1\x65e")
    assert not is_keyframe("H264", b"\0\0\0\1\x41abc")
    assert not is_keyframe("H264", b"")
    assert not is_keyframe("VP8", b"")


def test_the_gate_lets_nothing_through_that_cannot_be_decoded() -> None:
    gate = Gate("video")
    key, one, two, *_ = vp8(4)
    for number, data in enumerate((one, key, two)):
        gate.put((VP8, JitterFrame(data, number * 3000)))
    assert (gate.qsize(), gate.skipped) == (2, 1)
    assert gate.about(3000)[2], "pictures are missing before the keyframe"
    assert not gate.about(6000)[2]
    gate.lost()
    gate.put((VP8, JitterFrame(one, 9000)))
    assert (gate.qsize(), gate.waiting) == (2, True)
    gate.put((VP8, JitterFrame(key, 12000)))
    assert (gate.qsize(), gate.waiting) == (3, False)


def test_a_slow_decoder_is_not_buried() -> None:
    gate = Gate("video")
    key, one, *_ = vp8(2)
    for number in range(10 * BACKLOG):
        gate.put((VP8, JitterFrame(one if number else key, number * 3000)))
    assert gate.qsize() == BACKLOG
    assert gate.waiting


def test_what_the_gate_passes_can_be_decoded() -> None:
    gate = Gate("video")
    for number, data in enumerate(vp8(5)):
        gate.put((VP8, JitterFrame(data, number * 3000)))
    decoder = Vp8Decoder()
    pictures = [picture for _ in range(5) for picture in decoder.decode(gate.get()[1])]
    assert [p.pts for p in pictures] == [0, 3000, 6000, 9000, 12000]


def _packet(number: int, timestamp: int) -> Any:
    packet: Any = RtpPacket(sequence_number=number, timestamp=timestamp, payload=b"x")
    packet._data = b"x"
    return packet


def test_a_lost_packet_holds_up_the_stream_for_a_moment_only() -> None:
    gate = Gate("video")
    gate.waiting = False
    buffer = WatchedBuffer(gate)
    assert buffer.add(_packet(0, 0)) == (False, None)
    assert buffer.add(_packet(1, 3000))[1].timestamp == 0
    # 2 is lost, and with it the picture of 6000.
    for number in range(3, 6):
        assert buffer.add(_packet(number, number * 3000)) in ((False, None),) or number == 3
    assert buffer.blocked(time.monotonic()) < BLOCKED
    time.sleep(BLOCKED + 0.05)
    lost, frame = buffer.add(_packet(6, 18000))
    assert (lost, frame, gate.waiting) == (True, None, True)
    assert buffer.add(_packet(7, 21000))[1].timestamp == 18000


def test_a_packet_that_comes_twice_does_not_count_as_waiting() -> None:
    buffer = WatchedBuffer(Gate("video"))
    for number in range(4):
        buffer.add(_packet(number, number * 3000))
    for number in (0, 1):
        assert buffer.add(_packet(number, number * 3000)) == (False, None)
    time.sleep(0.05)
    for number in range(4, 8):
        assert buffer.add(_packet(number, number * 3000))[1] is not None
    assert buffer.blocked(time.monotonic()) < 0.05


def _entry(kind: Any, number: int, age: float = 0.0) -> frame_queue.Entry:
    frame = av.VideoFrame(16, 16, "yuv420p") if kind == "video" else av.AudioFrame("s16", "mono", 160)
    return frame_queue.Entry(kind, frame, float(number), time.monotonic() - age)


def test_the_inbox_is_bounded_and_keeps_the_newest() -> None:
    box = frame_queue.FrameQueue()
    for number in range(20):
        box.put(_entry("video", number))
    for number in range(3):
        box.put(_entry("audio", 100 + number))
    taken = [box.take(0.0) for _ in range(7)]
    assert [e.stamp for e in taken if e] == [16, 17, 18, 19, 100, 101, 102]
    assert box.dropped == 20 - frame_queue.PICTURES
    assert box.take(0.0) is None


def test_a_picture_that_waited_too_long_is_not_shown() -> None:
    box = frame_queue.FrameQueue()
    box.put(_entry("video", 1, age=frame_queue.OLDEST + 1))
    box.put(_entry("video", 2))
    box.close("left")
    entry = box.take(0.0)
    assert entry is not None
    assert (entry.stamp, box.dropped) == (2, 1)
    assert box.closed == "left"


def test_reports_of_the_sender_put_sound_and_picture_in_step() -> None:
    clock = Clock()
    # The sound is delivered 300 ms late, which only the reports can tell.
    clock.report("video", 1000.0, 0)
    clock.report("audio", 1000.0, 0)
    clock.stamp("video", 0, 50.0)
    first = clock.stamp("audio", 0, 50.3)
    assert first == pytest.approx(50.298)
    stamps = [clock.stamp("audio", 960 * n, 50.3 + 0.02 * n) for n in range(1, 400)]
    steps = np.diff(stamps)
    assert stamps[-1] - 399 * 0.02 == pytest.approx(50.0, abs=0.005)
    assert steps.min() > 0.017, "it is moved there little by little"


def test_clocks_that_cannot_belong_together_are_not_believed() -> None:
    clock = Clock()
    clock.report("video", 1000.0, 0)
    clock.report("audio", 5000.0, 0)
    clock.stamp("video", 0, 50.0)
    assert clock.stamp("audio", 0, 50.3) == pytest.approx(50.3)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stun:stun.example.org", ("stun:stun.example.org", None, None)),
        ("stun:192.0.2.1:3478", ("stun:192.0.2.1:3478", None, None)),
        ("turn:me:s3%40cret@turn.example.org:3478", ("turn:turn.example.org:3478", "me", "s3@cret")),
        ("turns:me:x@[2001:db8::1]:5349?transport=tcp", ("turns:[2001:db8::1]:5349?transport=tcp", "me", "x")),
    ],
)
def test_ice_servers(text: str, found: tuple[str, str | None, str | None]) -> None:
    assert ice.parse(text) == found


@pytest.mark.parametrize("text", ["example.org", "stun:", "turn:example.org", "turn:me:s3cret@", "http://x", ""])
def test_wrong_ice_servers_are_refused_without_showing_a_password(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        ice.parse(text)
    assert "s3cret" not in str(raised.value)


def test_no_server_is_asked_that_was_not_named() -> None:
    assert ice.configuration(SourceOptions()).iceServers == []
    (link,) = ice.links(["turn:me:s3cret@turn.example.org"])
    assert link.startswith('<turn:turn.example.org>; rel="ice-server"; username="me"; credential="s3cret"')


def test_the_token_may_stand_in_the_url_and_is_never_shown() -> None:
    assert split("whep+https://s3cret@example.org/live?x=1", None) == ("https://example.org/live?x=1", "s3cret")
    assert split("whep+http://u:s3%2Fcret@127.0.0.1:8889/live", "other") == ("http://127.0.0.1:8889/live", "s3/cret")
    assert split("whep+https://example.org/live", "given") == ("https://example.org/live", "given")
    source = open_source("whep+https://s3cret@example.org/live", SourceOptions(token="t0ken"))
    assert source.name == "whep+https://***@example.org/live"
    assert "t0ken" not in repr(SourceOptions(token="t0ken"))
    with pytest.raises(ConfigError):
        split("whep+https://example.org/live", "two words")


def test_what_is_a_room() -> None:
    options = SourceOptions()
    assert open_room("rtsp://example.org/live", options, "me") is None
    room = open_room("janus+ws://example.org:8188/?room=1234&pin=s3cret", options, "me")
    assert room is not None
    assert room.name == "janus+ws://example.org:8188/?room=1234&pin=***"
    for wrong in ("janus+ws://example.org:8188/", "janus+ws:///?room=1"):
        with pytest.raises(SourceError):
            open_room(wrong, options, "me")
