"""RTSP against a real server: every way in which a stream can break, and nothing secret in what is told."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest
from capture_watch import Seen, watch
from rtsp_server import RtspServer, free_port
from truefeed.stream.errors import SourceAuthError, SourceError, SourceNotFoundError
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions
from truefeed.stream.sources.capture import Capture
from truefeed.stream.types import StateChange

Rtsp = Callable[..., RtspServer]
QUICK = SourceOptions(stall=1.0, backoff=(0.2, 0.5))
SECRET = "s3cr3t-Pa55"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with AAC, a keyframe every half second."""
    return media.write_clip(tmp_path_factory.mktemp("rtsp") / "clip.mp4", frames=100, audio="aac", channels=2)


def grown(seen: Seen) -> None:
    """Assert that media time only grew."""
    for items in (seen.frames, seen.chunks):
        times = [item.t for item in items]
        assert all(later > sooner for sooner, later in pairwise(times))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("audio", ["aac", "libopus"])
def test_pictures_and_sound(rtsp: Rtsp, clip: Path, tmp_path: Path, transport: Any, audio: str) -> None:
    if audio == "libopus":
        clip = media.write_clip(tmp_path / "opus.mp4", frames=100, audio=audio)
    with Capture(open_source(rtsp(clip).url, SourceOptions(transport=transport)), ring=64) as capture:
        seen = watch(capture, lambda s: len(s.frames) >= 50)
        stats = capture.stats
        written = capture.packets.write_clip(tmp_path / "out.mp4")
    grown(seen)
    assert seen.names == ["connecting", "online"]
    steps = np.diff([frame.t for frame in seen.frames])
    assert np.median(steps) == pytest.approx(0.04, abs=0.002)
    assert not any(frame.discontinuity for frame in seen.frames)
    assert seen.frames[0].image.shape == (360, 640, 3)
    sound = np.concatenate([chunk.samples for chunk in seen.chunks])
    assert len(sound) / 48000 == pytest.approx(seen.chunks[-1].t - seen.chunks[0].t, abs=0.1)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)
    assert abs(seen.chunks[-1].t - seen.frames[-1].t) < 0.6
    assert (stats.dropped, stats.decode_errors, stats.reconnects, stats.width) == (0, 0, 0, 640)
    assert stats.fps == pytest.approx(25, abs=1)
    assert stats.bitrate_kbps is not None
    assert written is not None
    with av.open(str(written)) as out:
        assert sum(1 for _ in out.decode(video=0)) >= 45
        assert len(out.streams.audio) == 1


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frozen_server_is_noticed_and_opened_again(rtsp: Rtsp, clip: Path, transport: Any) -> None:
    server = rtsp(clip)
    options = SourceOptions(transport=transport, stall=1.0, backoff=(0.2, 0.5))
    with Capture(open_source(server.url, options)) as capture:
        seen = watch(capture, lambda s: len(s.frames) >= 20)
        frozen = time.monotonic()
        server.freeze()
        watch(capture, lambda s: "retrying" in s.names, seen)
        noticed = next(change for change in seen.states if change.state == "stalled")
        assert noticed.arrived - frozen < 2.5
        before = len(seen.frames)
        assert seen.frames[-1].arrived < noticed.arrived - 0.9
        server.thaw()
        watch(capture, lambda s: len(s.frames) >= before + 20, seen)
        assert capture.stats.reconnects == 1
    assert seen.names[:4] == ["connecting", "online", "stalled", "retrying"]
    assert seen.names[-1] == "online"
    grown(seen)
    after = seen.frames[before:]
    assert [frame.discontinuity for frame in after[:2]] == [True, False]
    gap = after[0].arrived - seen.frames[before - 1].arrived
    assert after[0].t - seen.frames[before - 1].t == pytest.approx(gap, abs=0.5)


def test_killed_server_is_noticed_and_opened_again_when_it_is_back(rtsp: Rtsp, clip: Path) -> None:
    server = rtsp(clip)
    with Capture(open_source(server.url, QUICK)) as capture:
        seen = watch(capture, lambda s: len(s.frames) >= 20)
        server.kill()
        watch(capture, lambda s: s.names.count("retrying") >= 2, seen)
        before = len(seen.frames)
        server.restart()
        watch(capture, lambda s: len(s.frames) >= before + 20, seen)
    grown(seen)
    assert "the stream ended" in seen.states[2].detail
    assert seen.frames[before].discontinuity
    assert capture.stats.reconnects == 1


def test_server_that_comes_back_with_another_size(rtsp: Rtsp, clip: Path, tmp_path: Path) -> None:
    small = media.write_clip(tmp_path / "small.mp4", frames=50, width=320, height=240)
    server = rtsp(clip)
    with Capture(open_source(server.url, QUICK)) as capture:
        seen = watch(capture, lambda s: len(s.frames) >= 10)
        server.restart(small)
        watch(capture, lambda s: s.frames[-1].image.shape == (240, 320, 3), seen)
        watch(capture, lambda s: len(s.frames) >= 30, seen)
        assert {packet.session for packet in capture.packets.snapshot()} == {1}
    assert next(frame for frame in seen.frames if frame.image.shape[0] == 240).discontinuity
    grown(seen)


def test_size_that_changes_in_mid_stream(rtsp: Rtsp, tmp_path: Path) -> None:
    parts = [media.write_clip(tmp_path / f"{w}.ts", frames=25, width=w, height=h) for w, h in ((320, 240), (640, 360))]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with Capture(open_source(rtsp(tmp_path / "both.ts").url, QUICK), ring=64) as capture:
        seen = watch(capture, lambda s: len({frame.image.shape for frame in s.frames}) == 2 and len(s.frames) > 60)
    shapes = [frame.image.shape for frame in seen.frames]
    changes = [i for i in range(1, len(shapes)) if shapes[i] != shapes[i - 1]]
    assert changes
    assert all(seen.frames[i].discontinuity for i in changes)
    assert seen.names == ["connecting", "online"]


def test_joining_between_keyframes_shows_nothing_damaged(rtsp: Rtsp, tmp_path: Path) -> None:
    level = [60 + i for i in range(100)]
    clip = media.write_clip(
        tmp_path / "a.mp4", frames=100, gop=100, picture=lambda i: media.scene(i) // 4 + np.uint8(level[i])
    )
    server = rtsp(clip, shared=True)
    with Capture(open_source(server.url, QUICK)) as first:
        watch(first, lambda s: len(s.frames) >= 20)
        with Capture(open_source(server.url, QUICK), ring=64) as second:
            seen = watch(second, lambda s: len(s.frames) >= 5)
            assert second.stats.skipped > 10
    # What is shown begins at the keyframe, the darkest picture, with the grey ground intact.
    corner = [float(frame.image[:40, :40].mean()) for frame in seen.frames]
    assert corner == pytest.approx([24 + level[i] for i in range(5)], abs=8)
    assert all(frame.image[:40, :40].std() < 3 for frame in seen.frames)


def test_multi_slice_pictures_come_once(rtsp: Rtsp, tmp_path: Path) -> None:
    clip = media.write_clip(tmp_path / "a.mp4", frames=50, options={"x264-params": "slices=4"})
    with Capture(open_source(rtsp(clip).url, QUICK), ring=64) as capture:
        seen = watch(capture, lambda s: len(s.frames) >= 60)
    grown(seen)
    assert np.diff([frame.t for frame in seen.frames]).min() > 0.01
    assert all(frame.image[:40, :40].std() < 3 for frame in seen.frames)


def test_slow_consumer_sees_the_newest_picture(rtsp: Rtsp, clip: Path) -> None:
    ages: list[float] = []
    with Capture(open_source(rtsp(clip).url, QUICK)) as capture:
        watch(capture, lambda s: s.frames)
        for _ in range(20):
            time.sleep(0.1)
            seen = watch(capture, lambda s: s.frames)
            ages.append(time.monotonic() - seen.frames[-1].arrived)
        assert capture.stats.dropped > 5
    assert np.median(ages) < 0.2


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_password(rtsp: Rtsp, clip: Path, scheme: str) -> None:
    server = rtsp(clip, user="joe", password=SECRET, scheme=scheme)
    source = open_source(server.url, QUICK)
    assert SECRET not in source.name
    with Capture(source) as capture:
        watch(capture, lambda s: len(s.frames) >= 3)
    for url in (server.url.replace(SECRET, "wr0ng-" + SECRET), server.url.replace(f"joe:{SECRET}@", "")):
        with Capture(open_source(url, QUICK)) as capture:
            assert isinstance(capture.poll(10), StateChange)
            with pytest.raises(SourceAuthError, match="refused the user or the password") as raised:
                capture.poll(10)
        assert SECRET not in str(raised.value)


def test_wrong_path_wrong_port_and_unknown_host(rtsp: Rtsp, clip: Path) -> None:
    server = rtsp(clip)
    url = f"rtsp://joe:{SECRET}@127.0.0.1"
    cases: list[tuple[str, type[SourceError], str]] = [
        (f"{url}:{server.port}/elsewhere", SourceNotFoundError, "no such stream"),
        (f"{url}:{free_port()}/live", SourceError, "connection refused"),
        (f"rtsp://joe:{SECRET}@host.invalid/live", SourceError, "host can't be found"),
    ]
    for case, kind, words in cases:
        with pytest.raises(kind, match=words) as raised:
            list(open_source(case, QUICK).items(threading.Event()))
        assert SECRET not in str(raised.value)
        assert "rtsp://***@" in str(raised.value)


def test_server_that_never_answers(rtsp: Rtsp, clip: Path) -> None:
    server = rtsp(clip)
    server.freeze()
    with pytest.raises(SourceError, match="no answer within 5 s"):
        list(open_source(server.url, QUICK).items(threading.Event()))


def test_giving_up_after_so_many_attempts(rtsp: Rtsp, clip: Path) -> None:
    server = rtsp(clip)
    with Capture(open_source(server.url, SourceOptions(backoff=(0.05, 0.1), retries=2))) as capture:
        seen = watch(capture, lambda s: s.frames)
        server.kill()
        with pytest.raises(SourceError, match="gave up after 2 attempts"):
            watch(capture, lambda s: s.names.count("retrying") > 2, seen)
    assert seen.names.count("retrying") == 2


@pytest.mark.parametrize("moment", ["before", "while"])
def test_stop_joins_the_thread_of_a_frozen_server(rtsp: Rtsp, clip: Path, moment: str) -> None:
    server = rtsp(clip)
    capture = Capture(open_source(server.url, SourceOptions()))
    capture.start()
    if moment == "while":
        watch(capture, lambda s: len(s.frames) >= 5)
    server.freeze()
    time.sleep(0.3)
    started = time.monotonic()
    capture.stop()
    assert time.monotonic() - started < (1.5 if moment == "while" else 7)
    assert not any(thread.name.startswith("capture") for thread in threading.enumerate())


def test_nothing_secret_is_printed(rtsp: Rtsp, clip: Path) -> None:
    """A whole process is looked at: libraries write to its stderr behind Python's back."""
    server = rtsp(clip, user="joe", password=SECRET)
    code = """
import sys, time
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions
for url in sys.argv[1:]:
    deadline = time.monotonic() + 2.5
    with Capture(open_source(url, SourceOptions(stall=1, backoff=(0.1, 0.2)))) as capture:
        print(capture.source.name)
        while time.monotonic() < deadline:
            try:
                item = capture.poll(0.1)
            except OSError as error:
                print(repr(error), error)
                break
            if type(item).__name__ == "StateChange":
                print(item, flush=True)
"""
    urls = [server.url, server.url.replace(SECRET, SECRET + "x"), server.url.replace("/live", "/no")]
    killer = threading.Timer(2.5, server.kill)
    killer.start()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code, *urls, server.url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    killer.cancel()
    assert "refused" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr == ""
