"""Clips of compressed packets, made from real media."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import av
import media
import numpy as np
import pytest
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.base import Item
from truefeed.stream.sources.bitrate import BitrateMeter
from truefeed.stream.sources.file import FileSource
from truefeed.stream.sources.packet_buffer import Packet, PacketRing
from truefeed.stream.types import Frame


def read(path: Path) -> list[Item]:
    return list(FileSource(path, SourceOptions(pace="fast")).items(threading.Event()))


def packets(path: Path) -> list[Packet]:
    return [item for item in read(path) if isinstance(item, Packet)]


def filled(seconds: float, given: Iterable[Packet]) -> PacketRing:
    ring = PacketRing(seconds)
    for packet in given:
        ring.put(packet)
    return ring


def pictures(path: Path) -> list[int]:
    """Return the mean brightness of each picture."""
    with av.open(str(path)) as container:
        return [round(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with sound, a keyframe a second, brighter from picture to picture."""
    path = tmp_path_factory.mktemp("packets") / "clip.mp4"
    return media.write_clip(
        path,
        frames=150,
        width=160,
        height=120,
        gop=25,
        audio="aac",
        picture=lambda index: np.full((120, 160, 3), 16 + index, np.uint8),
    )


def test_whole_clip_is_the_same_pictures_and_sound(clip: Path, tmp_path: Path) -> None:
    written = filled(60, packets(clip)).write_clip(tmp_path / "out.mp4")
    assert written == tmp_path / "out.mp4"
    assert pictures(written) == pictures(clip)
    with av.open(str(written)) as out, av.open(str(clip)) as original:
        # The sound before the first picture, the encoder's priming, is left out.
        assert out.streams.audio[0].frames == original.streams.audio[0].frames - 1
        assert out.duration == pytest.approx(original.duration, abs=100_000)


def test_ring_keeps_the_last_seconds_from_a_keyframe_on(clip: Path, tmp_path: Path) -> None:
    ring = filled(2.5, packets(clip))
    held = ring.snapshot()
    assert held[0].keyframe
    assert held[0].info.kind == "video"
    written = ring.write_clip(tmp_path / "out.mp4")
    assert written is not None
    assert pictures(written) == pictures(clip)[-75:]  # 2.5 s reach into the third GOP from the end
    with av.open(str(written)) as out:
        assert out.start_time is not None
        assert abs(out.start_time) < 100_000


def test_nothing_before_a_keyframe_is_kept(clip: Path) -> None:
    given = packets(clip)
    start = next(i for i, packet in enumerate(given) if packet.info.kind == "video" and not packet.keyframe)
    held = filled(60, given[start:]).snapshot()
    assert held[0].keyframe
    assert held[0].seconds == pytest.approx(1.0, abs=0.01)


def test_another_session_empties_the_ring(clip: Path) -> None:
    first, second = packets(clip), packets(clip)
    assert filled(60, [*first, *second]).snapshot() == filled(60, second).snapshot()


def test_memory_is_bounded_without_keyframes(clip: Path) -> None:
    given = packets(clip)
    limit = sum(len(packet.data) for packet in given) // 3
    ring = PacketRing(60, limit)
    for packet in given:
        ring.put(packet)
        assert sum(len(held.data) for held in ring.snapshot()) <= limit


def test_sound_alone_is_kept_by_the_second(tmp_path: Path) -> None:
    sound = media.write_sound(tmp_path / "a.mp3", seconds=6, codec="libmp3lame", rate=44100)
    ring = filled(2, packets(sound))
    seconds = [packet.seconds for packet in ring.snapshot() if packet.seconds is not None]
    assert 2 <= seconds[-1] - seconds[0] <= 3.1
    written = ring.write_clip(tmp_path / "out.mp4")
    assert written is not None
    with av.open(str(written)) as out:
        assert sum(frame.samples for frame in out.decode(audio=0)) >= 2 * 44100


def test_codecs_that_mp4_refuses_go_into_matroska(tmp_path: Path) -> None:
    clip = media.write_clip(tmp_path / "a.webm", frames=20, codec="libvpx", audio="libopus", width=160, height=120)
    written = filled(10, packets(clip)).write_clip(tmp_path / "out.mp4")
    assert written == tmp_path / "out.mkv"
    assert not (tmp_path / "out.mp4").exists()
    assert len(pictures(written)) == 20


def test_empty_ring_writes_nothing(tmp_path: Path) -> None:
    assert PacketRing().write_clip(tmp_path / "out.mp4") is None
    assert list(tmp_path.iterdir()) == []


def test_place_that_cannot_be_written_is_an_os_error(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        filled(10, packets(clip)).write_clip(tmp_path / "absent" / "out.mp4")


def test_bitrate_is_that_of_the_file(clip: Path) -> None:
    size = sum(len(packet.data) for packet in packets(clip) if packet.info.kind == "video")
    frames = [item for item in read(clip) if isinstance(item, Frame)]
    assert frames[0].bitrate_kbps is None
    assert frames[-1].bitrate_kbps == pytest.approx(size * 8 / 6 / 1000, rel=0.25)


def test_bitrate_starts_anew_where_stamps_go_back() -> None:
    meter = BitrateMeter(4)
    for index in range(100):
        meter.add(index / 25, 1000)
    assert meter.kbps == pytest.approx(200)
    meter.add(0.0, 1000)
    assert meter.kbps is None
    meter.add(None, 1000)
