"""Files of every odd kind, read through the real demuxer."""

from __future__ import annotations

import gc
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import media
import numpy as np
import pytest
from av.video.frame import VideoFrame
from truefeed.stream.errors import SourceError, SourceNotFoundError
from truefeed.stream.open import open_source
from truefeed.stream.sources import Item, SourceOptions
from truefeed.stream.sources.base import Tally
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.sources.file import FileSource
from truefeed.stream.types import AudioChunk, Frame, StateChange

FAST = SourceOptions(pace="fast")


def read(path: Path, options: SourceOptions = FAST) -> tuple[list[Item], Tally]:
    source = FileSource(path, options)
    return list(source.items(threading.Event())), source.tally


def frames(path: Path) -> list[Frame]:
    return [item for item in read(path)[0] if isinstance(item, Frame)]


def chunks(path: Path) -> list[AudioChunk]:
    return [item for item in read(path)[0] if isinstance(item, AudioChunk)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a face with a tone in stereo, 25 fps."""
    return media.write_clip(tmp_path_factory.mktemp("files") / "clip.mp4", audio="aac", channels=2)


def grey(level: int, width: int = 64, height: int = 48) -> media.Image:
    return np.full((height, width, 3), level, np.uint8)


def test_pictures_and_sound_share_one_origin(clip: Path) -> None:
    items, tally = read(clip)
    pictures = [item for item in items if isinstance(item, Frame)]
    sounds = [item for item in items if isinstance(item, AudioChunk)]
    assert [frame.t for frame in pictures] == pytest.approx([i / 25 for i in range(50)])
    assert not any(item.discontinuity for item in (*pictures, *sounds))
    assert sounds[0].t == pytest.approx(0, abs=0.03)
    assert sum(len(chunk.samples) for chunk in sounds) / 48000 == pytest.approx(2, abs=0.05)
    ends = [chunk.t + len(chunk.samples) / chunk.rate for chunk in sounds]
    assert [chunk.t for chunk in sounds[1:]] == pytest.approx(ends[:-1], abs=1e-3)
    assert (tally.decode_errors, tally.skipped) == (0, 0)
    states = [item.state for item in items if isinstance(item, StateChange)]
    assert states == ["connecting", "online", "ended"]


def test_values_are_what_they_say(clip: Path) -> None:
    frame = frames(clip)[10]
    assert (frame.image.shape, frame.image.dtype) == ((360, 640, 3), np.uint8)
    assert np.abs(frame.image.astype(int) - media.scene(10)).mean() < 4  # BGR, not RGB
    sound = np.concatenate([chunk.samples for chunk in chunks(clip)])
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.03)
    assert chunks(clip)[0].rate == 48000


def test_sound_can_be_left_out(clip: Path) -> None:
    items, _ = read(clip, SourceOptions(pace="fast", audio=False))
    assert not any(isinstance(item, AudioChunk) for item in items)


def test_threaded_reading_gives_the_same_as_direct_reading(clip: Path) -> None:
    direct = [item for item in read(clip)[0] if isinstance(item, Frame | AudioChunk)]
    threaded: list[Frame | AudioChunk] = []
    with Capture(open_source(str(clip), FAST)) as capture:
        while not isinstance(item := capture.poll(5), End):
            assert item is not None
            if isinstance(item, Frame | AudioChunk):
                threaded.append(item)
    assert [(type(item), item.t, item.discontinuity) for item in threaded] == [
        (type(item), item.t, item.discontinuity) for item in direct
    ]
    pairs = [(a, b) for a, b in zip(direct, threaded, strict=True) if isinstance(a, Frame) and isinstance(b, Frame)]
    assert all(np.array_equal(a.image, b.image) and a.bitrate_kbps == b.bitrate_kbps for a, b in pairs)


@pytest.mark.parametrize("preroll", [0.0, 10.0])
def test_packets_are_kept_where_they_are_asked_for(clip: Path, preroll: float) -> None:
    with Capture(open_source(str(clip), FAST), preroll=preroll) as capture:
        while not isinstance(capture.poll(10), End):
            pass
        assert bool(capture.packets.snapshot()) == (preroll > 0)


def test_real_time_pace_takes_the_time_of_the_media(clip: Path) -> None:
    started = time.monotonic()
    items, _ = read(clip, SourceOptions(pace="realtime"))
    assert time.monotonic() - started > 1.9
    assert [item.t for item in items if isinstance(item, Frame)] == [frame.t for frame in frames(clip)]
    arrived = [item.arrived for item in items if isinstance(item, Frame)]
    assert arrived == sorted(arrived)


def test_paced_reading_stops_at_once(tmp_path: Path) -> None:
    clip = media.write_clip(tmp_path / "a.mp4", frames=4, width=64, height=48, times=lambda i: i * 30.0)
    with Capture(open_source(str(clip))) as capture:
        while not isinstance(capture.poll(5), Frame):
            pass
        started = time.monotonic()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((0, 1, -1, 0), lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)),
        ((0, -1, 1, 0), lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        ((-1, 0, 0, -1), lambda image: cv2.rotate(image, cv2.ROTATE_180)),
        ((-1, 0, 0, 1), lambda image: cv2.flip(image, 1)),
        ((1, 0, 0, -1), lambda image: cv2.flip(image, 0)),
        ((0, 1, 1, 0), cv2.transpose),
    ],
)
def test_turned_and_mirrored_files_are_shown_upright(
    clip: Path, tmp_path: Path, matrix: tuple[int, int, int, int], expected: Callable[[media.Image], media.Image]
) -> None:
    turned = frames(media.turned(clip, tmp_path / "turned.mp4", matrix))[0].image
    assert np.array_equal(turned, expected(frames(clip)[0].image))


def test_pictures_do_not_wait_for_the_garbage_collector(clip: Path) -> None:
    gc.collect()
    gc.disable()  # a decoded picture in a reference cycle would now stay
    try:
        read(clip)
        # By type(): isinstance asks foreign lazy objects for their class, and some warn when asked.
        waiting = sum(issubclass(type(thing), VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert waiting <= 1  # the first, whose side data are looked at


def test_pixels_are_made_square(tmp_path: Path) -> None:
    media.ffmpeg("-f", "lavfi", "-i", "testsrc=d=0.2:s=720x576,setsar=16/11", "-c:v", "libx264", tmp_path / "a.mp4")
    assert frames(tmp_path / "a.mp4")[0].image.shape == (576, 1047, 3)


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        ("mp4", {"pix_fmt": "yuv444p"}),
        ("mp4", {"pix_fmt": "yuv420p10le"}),
        ("mp4", {"pix_fmt": "gray", "options": {"x264-params": "fullrange=on"}}),
        ("mp4", {"codec": "libx264", "options": {"preset": "medium", "tune": "film", "bf": "3"}}),
        ("mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("webm", {"codec": "libvpx"}),
        ("mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}),
        ("avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    ],
)
def test_every_pixel_format_and_codec_gives_the_same_pictures(
    tmp_path: Path, suffix: str, settings: dict[str, Any]
) -> None:
    path = media.write_clip(
        tmp_path / f"a.{suffix}", frames=20, width=64, height=48, picture=lambda i: grey(20 + 10 * i), **settings
    )  # type: ignore[arg-type]
    found = frames(path)
    assert [round(frame.image.mean()) for frame in found] == pytest.approx([20 + 10 * i for i in range(20)], abs=6)
    assert [frame.t for frame in found] == pytest.approx([i / 25 for i in range(20)], abs=0.002)


@pytest.mark.parametrize(("width", "height", "pix_fmt"), [(1, 1, "yuv444p"), (2, 2, "yuv420p"), (3, 5, "yuv444p")])
def test_tiny_pictures(tmp_path: Path, width: int, height: int, pix_fmt: str) -> None:
    path = tmp_path / "a.mp4"
    media.write_clip(
        path, frames=10, width=width, height=height, pix_fmt=pix_fmt, picture=lambda i: grey(200, width, height)
    )
    found = frames(path)
    assert [frame.image.shape for frame in found] == [(height, width, 3)] * 10
    assert found[5].image.mean() == pytest.approx(200, abs=5)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"preset": "medium", "tune": "film", "bf": "3"}),
        ("mpeg4", {"bf": "2"}),
        ("libxvid", {"bf": "2"}),
        ("mpeg4", {}),
    ],
)
def test_pictures_out_of_order_in_avi_have_their_times(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    path = media.write_clip(tmp_path / "a.mp4", frames=40, width=64, height=48, picture=lambda i: grey(40 + 4 * i))
    words = [word for key, value in options.items() for word in (f"-{key}", value)]
    media.ffmpeg("-i", path, "-c:v", codec, *words, "-q:v", "2", tmp_path / "a.avi")
    found = frames(tmp_path / "a.avi")
    assert len(found) >= 37  # some encoders leave out the last ones
    assert not any(frame.discontinuity for frame in found)
    levels = [(frame.image.mean() - 40) / 4 for frame in found]
    assert np.diff(levels).min() > 0
    # XviD says only from the third picture on when which is due.
    assert [frame.t for frame in found[3:]] == pytest.approx([0.04 * round(level) for level in levels[3:]], abs=0.09)
    assert len({round(frame.t, 3) for frame in found}) == len(found)


def test_a_sound_stamped_by_the_clock_on_the_wall_starts_with_its_pictures(tmp_path: Path) -> None:
    path = media.write_clip(tmp_path / "a.mkv", frames=50, width=64, height=48, audio="aac")
    with av.open(str(path)) as given, av.open(str(tmp_path / "wall.mkv"), "w") as out:
        made = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts, packet.dts = packet.pts + 1_700_000_000_000, packet.dts + 1_700_000_000_000  # ms
            packet.stream = made[packet.stream.index]
            out.mux_one(packet)
    assert frames(tmp_path / "wall.mkv")[-1].t == pytest.approx(1.96, abs=0.01)
    assert chunks(tmp_path / "wall.mkv")[0].t == pytest.approx(0, abs=0.1)
    assert chunks(tmp_path / "wall.mkv")[-1].t == pytest.approx(2, abs=0.1)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [i * 0.04 + (i // 10) * 0.5 + (3.0 if i > 25 else 0) for i in range(40)]
    found = frames(media.write_clip(tmp_path / "a.mp4", frames=40, width=64, height=48, times=lambda i: times[i]))
    assert [frame.t for frame in found] == pytest.approx(times, abs=0.001)
    assert [i for i, frame in enumerate(found) if frame.discontinuity] == [26]


def test_sound_alone(tmp_path: Path) -> None:
    for name, codec, rate in (
        ("a.wav", "pcm_s16le", 16000),
        ("a.mp3", "libmp3lame", 44100),
        ("a.opus", "libopus", 48000),
    ):
        path = media.write_sound(tmp_path / name, codec=codec, rate=rate)
        items, _ = read(path)
        sounds = [item for item in items if isinstance(item, AudioChunk)]
        assert not any(isinstance(item, Frame) for item in items)
        assert sum(len(chunk.samples) for chunk in sounds) / rate == pytest.approx(2, abs=0.06)
        assert np.abs(np.concatenate([chunk.samples for chunk in sounds])).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_mulaw"])
def test_sound_of_every_sample_format(tmp_path: Path, codec: str) -> None:
    sound = np.concatenate([c.samples for c in chunks(media.write_sound(tmp_path / "a.wav", codec=codec, seconds=0.5))])
    assert sound.max() == pytest.approx(0.5, abs=0.02)
    assert sound.min() == pytest.approx(-0.5, abs=0.02)


def test_the_cover_of_an_album_is_no_video(tmp_path: Path) -> None:
    sound = media.write_sound(tmp_path / "a.mp3", codec="libmp3lame", rate=44100)
    picture = ["-f", "lavfi", "-i", "testsrc=d=0.04:s=64x64"]
    cover = ["-map", "0", "-map", "1", "-c:a", "copy", "-c:v", "mjpeg", "-disposition:v", "attached_pic"]
    media.ffmpeg("-i", sound, *picture, *cover, tmp_path / "cover.mp3")
    items, _ = read(tmp_path / "cover.mp3")
    assert not any(isinstance(item, Frame) for item in items)
    assert any(isinstance(item, AudioChunk) for item in items)


def test_timestamps_that_restart(tmp_path: Path) -> None:
    part = media.write_clip(tmp_path / "a.ts", frames=30, width=64, height=48).read_bytes()
    (tmp_path / "b.ts").write_bytes(part * 3)
    found = frames(tmp_path / "b.ts")
    # The demuxer flags the packets at the seams as corrupt: at most two a seam are not shown.
    assert 86 <= len(found) <= 90
    steps = np.diff([frame.t for frame in found])
    assert steps.min() > 0.03
    assert steps.max() < 0.13
    assert sum(frame.discontinuity for frame in found) == 2


def test_size_that_changes_in_mid_file(tmp_path: Path) -> None:
    small = media.write_clip(tmp_path / "a.ts", frames=30, width=64, height=48).read_bytes()
    large = media.write_clip(tmp_path / "b.ts", frames=30, width=128, height=96).read_bytes()
    (tmp_path / "c.ts").write_bytes(small + large)
    found = frames(tmp_path / "c.ts")
    widths = [frame.image.shape[1] for frame in found]
    assert widths == sorted(widths)
    assert (widths.count(64), widths.count(128)) >= (28, 30)
    assert [i for i, frame in enumerate(found) if frame.discontinuity] == [widths.index(128)]


def test_file_that_begins_between_keyframes_starts_at_the_next(tmp_path: Path) -> None:
    whole = media.write_clip(tmp_path / "a.ts", frames=60, gop=30, picture=lambda i: grey(40 + 3 * i, 640, 360))
    data = whole.read_bytes()
    (tmp_path / "b.ts").write_bytes(data[188 * (len(data) // 188 // 5) :])
    items, tally = read(tmp_path / "b.ts")
    brightness = [round(item.image.mean()) for item in items if isinstance(item, Frame)]
    assert brightness == pytest.approx([40 + 3 * i for i in range(30, 60)], abs=6)
    assert tally.skipped > 0


def broken_copy(source: Path, target: Path, places: set[int], way: str) -> Path:
    """Copy the video without the packets of these numbers, or with their second halves gone."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0], opaque=True)
        for number, packet in enumerate(given.demux(video=0)):
            if packet.size == 0 or (number in places and way == "lost"):
                continue
            data = bytes(packet)
            copy = av.Packet(data[: len(data) // 2] if number in places else data)
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream, copy.is_keyframe = stream, packet.is_keyframe
            out.mux_one(copy)
    return target


@pytest.mark.parametrize("way", ["lost", "cut"])
@pytest.mark.parametrize("container", ["mkv", "ts"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"x264-params": "slices=4"},
        {"preset": "medium", "tune": "film", "bf": "2"},
        {"preset": "medium", "x264-params": "cqm=jvt:bframes=3:b-pyramid=normal"},
    ],
)
def test_damage_neither_ends_the_file_nor_reaches_a_picture(
    tmp_path: Path, options: dict[str, str], container: str, way: str
) -> None:
    whole = media.write_clip(
        tmp_path / f"a.{container}",
        frames=75,
        width=320,
        height=240,
        gop=25,
        picture=lambda i: np.roll(media.scene(i, width=320, height=240), 3 * i, 1),
        options=options,
    )
    good = {round(frame.t, 2): frame.image.astype(int) for frame in frames(whole)}
    assert len(good) == 75
    items, tally = read(broken_copy(whole, tmp_path / f"b.{container}", {30, 31, 32}, way))
    found = [item for item in items if isinstance(item, Frame)]
    assert tally.decode_errors > 0
    assert 45 <= len(found) < 75
    assert found[-1].t == pytest.approx(max(good), abs=0.01)
    worst = max(float(np.abs(frame.image - good[round(frame.t, 2)]).mean()) for frame in found)
    assert worst < 0.5, "a damaged picture was shown"


def test_whole_files_have_no_losses(tmp_path: Path) -> None:
    for number, options in enumerate(
        ({"flags": "+ilme+ildct"}, {"x264-params": "open-gop=1:bframes=3"}, {"x264-params": "intra-refresh=1"})
    ):
        path = tmp_path / f"{number}.mkv"
        clip = media.write_clip(
            path, frames=60, width=320, height=240, options={"preset": "fast", "tune": "film", **options}
        )
        items, tally = read(clip)
        assert sum(isinstance(item, Frame) for item in items) == 60
        assert (tally.decode_errors, tally.skipped) == (0, 0)


def test_truncated_files(clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    (tmp_path / "header_lost.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"header_lost.mp4: it is cut short or no media file"):
        read(tmp_path / "header_lost.mp4")
    for suffix, extra in (("mp4", ("-movflags", "faststart")), ("mkv", ()), ("ts", ())):
        path = tmp_path / f"whole.{suffix}"
        media.ffmpeg("-i", clip, "-c", "copy", *extra, path)
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert 20 <= len(frames(cut)) <= 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (random.Random(0).randbytes(50_000), "cut short or no media file"),
        (b"hello\n" * 100, "cut short or no media file"),
    ],
)
def test_what_is_no_media_is_said_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words) as raised:
        read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_file_without_a_frame_gives_none(tmp_path: Path) -> None:
    for name, words in (
        ("a.mp4", "there is neither video nor sound in it|cut short"),
        ("a.mkv", "there is nothing in it"),
    ):
        with av.open(str(tmp_path / name), "w") as out:
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            out.start_encoding()
        with pytest.raises(SourceError, match=words):
            read(tmp_path / name)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no such file"):
        open_source(str(tmp_path / "absent.mp4"))
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.mp4")
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path)


def test_names_that_look_like_patterns_or_urls(clip: Path, tmp_path: Path) -> None:
    for name in ("a%d.mp4", "lavfi:b.mp4", "concat:c|d.mp4", "50% (é) #1?.mp4"):
        path = tmp_path / name
        path.write_bytes(clip.read_bytes())
        assert len(frames(path)) == 50
        assert isinstance(open_source(str(path)), FileSource)


def test_capture_of_a_broken_file_raises_in_the_consumer(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    with Capture(open_source(str(tmp_path / "a.mp4"))) as capture:
        assert isinstance(capture.poll(5), StateChange)
        with pytest.raises(SourceError, match="empty"):
            capture.poll(5)
        assert isinstance(capture.poll(5), End)


def test_slow_consumer_of_a_file_loses_nothing(clip: Path) -> None:
    seen = 0
    with Capture(open_source(str(clip), FAST), ring=2) as capture:
        while not isinstance(item := capture.poll(5), End):
            if isinstance(item, Frame):
                seen += 1
                time.sleep(0.005)
    assert (seen, capture.stats.dropped) == (50, 0)


def test_a_pipe_is_read_and_left_at_once_where_nobody_writes(clip: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Capture(open_source(str(pipe))) as capture:
        assert isinstance(capture.poll(5), StateChange)
        assert capture.poll(0.3) is None
        started = time.monotonic()
        capture.stop()
        assert time.monotonic() - started < 5
    media.ffmpeg("-i", clip, "-c", "copy", "-f", "mpegts", tmp_path / "a.ts")
    writer = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "a.ts").read_bytes()))
    writer.start()
    assert len(frames(pipe)) == 50
    writer.join(5)


def test_a_name_that_no_file_can_have_is_an_error_of_its_source() -> None:
    with pytest.raises(SourceNotFoundError, match="file name too long"):
        open_source("n" * 300 + ".mp4")


def test_a_film_of_jpegs_is_one_whatever_it_is_called(tmp_path: Path) -> None:
    good, one = cv2.imencode(".jpg", grey(90))
    assert good
    (tmp_path / "film.jpg").write_bytes(one.tobytes() * 10)
    assert len(frames(tmp_path / "film.jpg")) == 10


def test_a_scheme_may_be_in_capitals() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = open_source(f"RTSP://127.0.0.1:{server.getsockname()[1]}/live")
        with Capture(source):
            server.settimeout(10)
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100).startswith(b"OPTIONS rtsp://127.0.0.1")
