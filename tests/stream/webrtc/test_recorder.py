"""What is compressed, kept for evidence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("aiortc")

from models import write_models
from truefeed.stream.sources.packet_buffer import PacketRing
from truefeed.stream.webrtc.recorder import Coded, Tape, size
from webrtc_runs import long_clip, publisher, truefeed

OPTIONS = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline"},
}


def pictures(encoder: str, count: int, width: int = 320) -> list[tuple[bytes, bool]]:
    """Return compressed pictures, and which are keyframes."""
    coder = av.CodecContext.create(encoder, "w")
    assert isinstance(coder, av.VideoCodecContext)
    coder.width, coder.height, coder.pix_fmt, coder.gop_size = width, 240, "yuv420p", 30
    coder.time_base, coder.framerate, coder.options = Fraction(1, 15), Fraction(15), OPTIONS[encoder]
    found = []
    for number in range(count):
        picture = av.VideoFrame.from_ndarray(np.full((240, width, 3), number * 4 % 255, np.uint8), format="rgb24")
        picture.pts = number
        found += [(bytes(packet), packet.is_keyframe) for packet in coder.encode(picture)]
    return found


def sound(count: int) -> list[bytes]:
    """Return pieces of 20 ms in Opus."""
    coder = av.CodecContext.create("libopus", "w")
    assert isinstance(coder, av.AudioCodecContext)
    coder.sample_rate, coder.layout, coder.format = 48000, "stereo", "s16"  # type: ignore[assignment]
    found = []
    for number in range(count):
        piece = av.AudioFrame.from_ndarray(np.full((1, 1920), 3000, np.int16), "s16", "stereo")
        piece.sample_rate, piece.pts = 48000, number * 960
        found += [bytes(packet) for packet in coder.encode(piece)]
    return found


def coded(codec: str, encoder: str, count: int, start: float = 1000.0, width: int = 320) -> list[Coded]:
    seen = [
        Coded("video", codec, d, start + n / 15, k, 0.0) for n, (d, k) in enumerate(pictures(encoder, count, width))
    ]
    heard = [Coded("audio", "opus", d, start + n / 50, True, 0.0) for n, d in enumerate(sound(count * 50 // 15))]
    return sorted(seen + heard, key=lambda one: one.stamp)


@pytest.mark.parametrize(("codec", "encoder", "suffix"), [("VP8", "libvpx", ".mkv"), ("H264", "libx264", ".mp4")])
def test_a_clip_is_what_was_sent(tmp_path: Path, codec: str, encoder: str, suffix: str) -> None:
    ring, tape = PacketRing(10.0), Tape()
    for packet in tape.packets(coded(codec, encoder, 60)):
        ring.put(packet)
    clip = ring.write_clip(tmp_path / "clip.mp4")
    assert clip is not None
    assert clip.suffix == suffix
    with av.open(str(clip)) as media:
        images = [frame.to_ndarray(format="gray") for frame in media.decode(video=0)]
    assert len(images) == 60
    assert images[0].shape == (240, 320)
    with av.open(str(clip)) as media:
        assert sum(frame.samples for frame in media.decode(audio=0)) > 3.5 * 48000


@pytest.mark.parametrize(("codec", "encoder"), [("VP8", "libvpx"), ("H264", "libx264")])
def test_it_begins_at_a_keyframe_and_anew_where_the_size_changes(codec: str, encoder: str) -> None:
    ring, tape = PacketRing(10.0), Tape()
    small = coded(codec, encoder, 10)
    key = next(one for one in small if one.kind == "video")
    assert size(codec, key.data) == (320, 240)
    assert list(tape.packets(one for one in small if one is not key)) == []
    for packet in tape.packets(small):
        ring.put(packet)
    for packet in tape.packets(coded(codec, encoder, 10, start=1001.0, width=640)):
        ring.put(packet)
    kept = ring.snapshot()
    assert {packet.session for packet in kept} == {2}
    assert kept[0].keyframe
    assert sum(packet.info.kind == "video" for packet in kept) == 10


def test_an_unknown_codec_is_left_out() -> None:
    assert list(Tape().packets([Coded("video", "VP9", b"x", 0.0, True, 0.0)])) == []
    assert size("H264", b"rubbish") == (0, 0)


def test_an_alert_about_a_participant_has_a_clip_of_it(tmp_path: Path) -> None:
    clip, model, folder = long_clip(tmp_path), write_models(tmp_path), tmp_path / "evidence"
    words = ("--evidence", folder, "--alert-at", "0.2", "--clear-at", "0.1")
    with truefeed("serve", "--port", "0", "--model", model, *words) as running:
        url = running.wait(event="stream", source="call")["detail"].removesuffix("/call") + "/whip/Ann"
        with publisher(url, clip):
            alert = running.wait(90, event="alert", raised=True, participant="Ann")
        assert running.end() == 0
    kept = {path.name for path in Path(alert["evidence"]).iterdir()}
    assert {"alert.json", "frame.png", "verdicts.jsonl", "manifest.json", "clip.mkv"} <= kept
    with av.open(str(Path(alert["evidence"]) / "clip.mkv")) as media:
        assert sum(1 for _ in media.decode(video=0)) > 5
