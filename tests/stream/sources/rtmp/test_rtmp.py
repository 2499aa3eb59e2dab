"""Streams pushed to us, by the publishers that people have: who may come in, who returns, who only blocks the door."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import capture_watch
import media
import numpy as np
import pytest
from capture_watch import Seen
from rtmp_publishers import OBS, ByHand, ffmpeg, librtmp, pyav, tags, told
from rtsp_server import free_port
from truefeed.stream.errors import SourceError
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture
from truefeed.stream.sources.rtmp.chunks import Kind

KEY = "s3cr3t-k3y"
QUICK = SourceOptions(stall=1.0)
watch = partial(capture_watch.watch, limit=20.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with AAC, a keyframe every half second."""
    return media.write_clip(tmp_path_factory.mktemp("rtmp") / "clip.mp4", frames=150, audio="aac", channels=2)


@pytest.fixture
def port() -> int:
    return free_port()


Publish = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def publish(clip: Path) -> Iterator[Publish]:
    """Start ffmpeg with a URL and options; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str, *options: str, **settings: tuple[str, ...]) -> subprocess.Popen[str]:
        started.append(ffmpeg(clip, url, *options, **settings))
        return started[-1]

    yield start
    for publisher in started:
        publisher.kill()
        publisher.communicate()


def listen(port: int, options: SourceOptions = QUICK, *, path: str = f"live/{KEY}") -> Capture:
    """Return a capture of what is pushed to the port; to be entered."""
    return Capture(open_source(f"rtmp+listen://127.0.0.1:{port}/{path}", options), ring=64)


def listening(seen: Seen) -> bool:
    return "connecting" in seen.names


@pytest.mark.parametrize("options", [(), OBS])
def test_pictures_and_sound_of_ffmpeg_and_with_the_flags_of_obs(
    port: int, publish: Publish, options: tuple[str, ...], tmp_path: Path
) -> None:
    with listen(port) as capture:
        seen = watch(capture, listening)
        publish(f"rtmp://127.0.0.1:{port}/live/{KEY}", *options)
        watch(capture, lambda s: len(s.frames) >= 50, seen)
        written = capture.packets.write_clip(tmp_path / "out.mp4")
        stats = capture.stats
    assert seen.names == ["connecting", "online"]
    assert np.median(np.diff([frame.t for frame in seen.frames])) == pytest.approx(0.04, abs=0.002)
    assert seen.frames[0].image.shape == (360, 640, 3)
    assert not any(frame.discontinuity for frame in seen.frames)
    sound = np.concatenate([chunk.samples for chunk in seen.chunks])
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.15)
    assert abs(seen.chunks[-1].t - seen.frames[-1].t) < 0.6
    assert (stats.decode_errors, stats.skipped, stats.reconnects) == (0, 0, 0)
    assert stats.bitrate_kbps is not None
    assert written is not None
    assert KEY not in capture.source.name


def test_the_library_that_obs_publishes_with(port: int, clip: Path) -> None:
    with listen(port) as capture:
        seen = watch(capture, listening)
        publisher = librtmp(clip, f"rtmp://127.0.0.1:{port}/live/{KEY}")
        watch(capture, lambda s: "ended" in s.names, seen)
        assert told(publisher) == ""
    # The end of the file is the end of the stream; nothing of it is lost, and no reconnection is counted.
    assert capture.stats.frames_read == 150
    assert seen.chunks
    assert seen.names == ["connecting", "online", "ended"]


def test_a_publisher_that_is_killed_and_returns(port: int, publish: Publish) -> None:
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    with listen(port) as capture:
        seen = watch(capture, listening)
        first = publish(url)
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        first.kill()
        watch(capture, lambda s: "ended" in s.names, seen)
        before = len(seen.frames)
        publish(url)
        watch(capture, lambda s: len(s.frames) >= before + 10, seen)
        assert capture.stats.reconnects == 1
    assert seen.names == ["connecting", "online", "ended", "online"]
    assert "waiting for a publisher" in seen.states[2].detail
    assert [index for index, frame in enumerate(seen.frames) if frame.discontinuity] == [before]
    for items in (seen.frames, seen.chunks):
        times = [item.t for item in items]
        assert all(later > sooner for sooner, later in pairwise(times))


def test_a_wrong_key_and_a_second_publisher_are_refused(port: int, publish: Publish) -> None:
    with listen(port) as capture:
        seen = watch(capture, listening)
        wrong = [
            publish(f"rtmp://127.0.0.1:{port}/{path}") for path in ("live/guess", f"other/{KEY}", f"live/{KEY}/more")
        ]
        assert all("wrong application or stream key" in told(publisher) for publisher in wrong)
        watch(capture, lambda s: any("127.0.0.1 was refused: not the key" in c.detail for c in s.states), seen)
        assert not seen.frames
        publish(f"rtmp://127.0.0.1:{port}/live/{KEY}?from=obs")
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        assert "somebody else is publishing" in told(publish(f"rtmp://127.0.0.1:{port}/live/{KEY}"))
        before = len(seen.frames)
        watch(capture, lambda s: len(s.frames) >= before + 10, seen)
        assert capture.stats.reconnects == 0
    assert not any(KEY in change.detail or "guess" in change.detail for change in seen.states)


def test_those_who_say_nothing_or_nonsense_do_not_block_the_door(port: int, publish: Publish) -> None:
    silent: list[socket.socket] = []
    with listen(port) as capture:
        seen = watch(capture, listening)
        for data in (b"", b"\x03", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x03" + os.urandom(5000), os.urandom(3000)):
            for _ in range(10):  # more than wait at a time
                silent.append(socket.create_connection(("127.0.0.1", port)))
                silent[-1].sendall(data)
        publish(f"rtmp://127.0.0.1:{port}/live/{KEY}")
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        # Those who never said what they want are hung up on.
        for connection in silent:
            connection.settimeout(10)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            connection.close()
        watch(capture, lambda s: len(s.frames) >= 20, seen)
    assert seen.names == ["connecting", "online"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rtmp ")]


def test_nonsense_after_the_key_ends_that_publisher_alone(port: int, publish: Publish) -> None:
    with listen(port) as capture:
        seen = watch(capture, listening)
        hostile = ByHand(port, "live", KEY)
        hostile.send(Kind.VIDEO, b"\x17\x00" + os.urandom(200), 0)
        for t in range(200):
            hostile.send(Kind.VIDEO, b"\x17\x01" + os.urandom(500), t)
            hostile.send(Kind.AUDIO, b"\xaf\x01" + os.urandom(100), t)
        hostile.close()
        watch(capture, lambda s: "ended" in s.names, seen)
        assert not seen.frames
        publish(f"rtmp://127.0.0.1:{port}/live/{KEY}")
        watch(capture, lambda s: len(s.frames) >= 10, seen)


def test_sound_that_comes_later_is_heard(port: int, clip: Path, tmp_path: Path) -> None:
    flv = tmp_path / "clip.flv"
    media.ffmpeg("-i", clip, "-c", "copy", flv)
    with listen(port) as capture:
        seen = watch(capture, listening)
        publisher = ByHand(port, "live", KEY)
        began = time.monotonic()
        for kind, t, body in tags(flv):
            time.sleep(max(0.0, began + t / 1000 - time.monotonic()))
            if kind == Kind.VIDEO or (kind == Kind.AUDIO and (t > 3000 or body[1] == 0)):
                publisher.send(kind, body, t)
        publisher.close()
        watch(capture, lambda s: "ended" in s.names, seen)
    assert seen.names == ["connecting", "online", "ended"]
    assert seen.chunks
    assert abs(seen.chunks[-1].t - seen.frames[-1].t) < 0.6
    assert capture.stats.reconnects == 0


def test_a_size_that_changes_and_sound_alone(port: int, clip: Path, tmp_path: Path) -> None:
    flv = media_of(tmp_path / "sound.flv", "-i", clip, "-vn", "-c", "copy")
    large = media_of(tmp_path / "large.flv", "-i", clip, "-an", "-c", "copy", "-t", "1")
    small = media_of(tmp_path / "small.flv", "-i", clip, "-an", "-s", "320x180", "-bf", "0", "-t", "1")
    with listen(port) as capture:
        seen = watch(capture, listening)
        for parts in ((large, small), (flv,)):
            publisher, begun, left = ByHand(port, "live", KEY), 0, seen.names.count("ended")
            for part in parts:
                for kind, t, body in tags(part):
                    publisher.send(kind, body, begun + t)
                begun += 1000
            publisher.close()
            watch(capture, lambda s, left=left: s.names.count("ended") > left, seen)
    assert capture.stats.frames_read == 50
    assert capture.stats.decode_errors == 0
    assert seen.frames[-1].image.shape == (180, 320, 3)
    assert seen.chunks
    assert seen.names == ["connecting", "online", "ended", "online", "ended"]


def media_of(target: Path, *options: str | Path) -> Path:
    """Make a file with ffmpeg and return its path."""
    media.ffmpeg(*options, target)
    return target


def test_h265(port: int, tmp_path: Path) -> None:
    short = tmp_path / "h265.mp4"
    media.write_clip(
        short, frames=50, codec="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"}
    )
    with listen(port) as capture:
        seen = watch(capture, listening)
        publisher = pyav(short, f"rtmp://127.0.0.1:{port}/live/{KEY}")
        watch(capture, lambda s: "ended" in s.names, seen)
        assert told(publisher) == ""
    assert capture.stats.frames_read == 50


def test_a_publisher_that_freezes_is_stalled_and_makes_room(port: int, publish: Publish) -> None:
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    with listen(port) as capture:
        seen = watch(capture, listening)
        first = publish(url)
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        first.send_signal(signal.SIGSTOP)
        watch(capture, lambda s: "stalled" in s.names, seen)
        first.send_signal(signal.SIGCONT)
        watch(capture, lambda s: s.names[-1] == "online", seen)
        first.send_signal(signal.SIGSTOP)
        watch(capture, lambda s: s.names[-1] == "stalled", seen)
        publish(url)
        watch(capture, lambda s: s.names[-2:] == ["ended", "online"], seen)
    assert seen.names == ["connecting", "online", "stalled", "online", "stalled", "ended", "online"]


def test_pictures_alone_then_with_sound(port: int, publish: Publish) -> None:
    url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
    with listen(port) as capture:
        seen = watch(capture, listening)
        first = publish(url, sound=("-an",))
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        assert not seen.chunks
        first.kill()
        publish(url)
        watch(capture, lambda s: len(s.chunks) >= 10, seen)


def test_two_sources_share_a_port_each_with_its_key(port: int, publish: Publish) -> None:
    with listen(port, path="live/first-key") as one, listen(port, path="live/second-key") as two:
        watch(one, listening)
        watch(two, listening)
        publish(f"rtmp://127.0.0.1:{port}/live/second-key")
        watch(two, lambda s: len(s.frames) >= 5)
        assert one.stats.frames_read == 0
        with (
            pytest.raises(SourceError, match="another source has this application and key"),
            listen(port, path="live/first-key") as third,
        ):
            watch(third, lambda s: False)


def test_on_loopback_no_key_is_asked_for(port: int, publish: Publish) -> None:
    with listen(port, SourceOptions(audio=False), path="") as capture:
        seen = watch(capture, listening)
        publish(f"rtmp://127.0.0.1:{port}/anything/goes")
        watch(capture, lambda s: len(s.frames) >= 10, seen)
        assert not seen.chunks


def test_a_stop_is_at_once_and_frees_the_port(port: int, publish: Publish) -> None:
    for connected in (False, True):
        capture = listen(port)
        with capture:
            seen = watch(capture, listening)
            if connected:
                publish(f"rtmp://127.0.0.1:{port}/live/{KEY}")
                watch(capture, lambda s: len(s.frames) >= 5, seen)
            asked = time.monotonic()
        assert time.monotonic() - asked < 2
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_an_error_that_hides_the_key(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), listen(port) as capture:
        with pytest.raises(SourceError, match="address already in use") as raised:
            watch(capture, lambda s: False)
        assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("rtmp+listen://0.0.0.0:1935", "publishers need a key"),
        ("rtmp+listen://0.0.0.0:1935/s3cr3t", "publishers need a key"),
        ("rtmp+listen://[::]/live/", "publishers need a key"),
        ("rtmp+listen:///live/s3cr3t", "name the address"),
        ("rtmp+listen://me@0.0.0.0/live/s3cr3t", "behind the port"),
        ("rtmp+listen://0.0.0.0:1935/live/s3cr3t?x=1", "behind the port"),
        ("rtmp+listen://0.0.0.0:123456/live/s3cr3t", "user name"),
    ],
)
def test_addresses_that_are_refused(url: str, what: str) -> None:
    with pytest.raises(SourceError, match=what) as raised:
        open_source(url)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("url", ["srt://user:s3cr3t@host:9000", "rist://host:9000", "nothing://host"])
def test_a_protocol_that_ffmpeg_lacks_names_a_way(url: str) -> None:
    with pytest.raises(SourceError, match=f"has no {url.partition(':')[0]}://.*MediaMTX") as raised:
        open_source(url)
    assert "s3cr3t" not in str(raised.value)
