"""Cameras. None can be had in a test: a filter graph, opened by the same call, and OpenCV on a file stand in."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import media
import pytest
from truefeed.stream.errors import SourceError, SourceNotFoundError
from truefeed.stream.open import open_source
from truefeed.stream.sources import SourceOptions, list_cameras
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.sources.opencv import OpenCvCamera
from truefeed.stream.sources.reconnect import LiveSource
from truefeed.stream.types import Frame, StateChange

PATTERN = "lavfi:testsrc=size=320x240:rate=25"
QUICK = SourceOptions(stall=1.0, backoff=(0.1, 0.2))


def take(source: LiveSource, count: int) -> tuple[list[Frame], list[StateChange]]:
    """Return so many frames and the changes of state up to the last of them."""
    frames: list[Frame] = []
    states: list[StateChange] = []
    with Capture(source, ring=100) as capture:
        while len(frames) < count:
            item = capture.poll(10)
            assert item is not None
            assert not isinstance(item, End)
            if isinstance(item, Frame):
                frames.append(item)
            elif isinstance(item, StateChange):
                states.append(item)
    return frames, states


def live(spec: str) -> LiveSource:
    source = open_source(spec, QUICK)
    assert isinstance(source, LiveSource)
    return source


def test_stand_in_camera_gives_pictures_at_its_rate() -> None:
    frames, states = take(live(f"{PATTERN},realtime"), 30)
    assert [frame.t for frame in frames] == pytest.approx([i / 25 for i in range(30)])
    assert [change.state for change in states] == ["connecting", "online"]
    assert frames[0].image.shape == (240, 320, 3)
    assert frames[0].bitrate_kbps is None  # nothing compressed: not known


def test_camera_that_is_pulled_out_is_opened_again() -> None:
    frames, states = take(live(f"{PATTERN}:duration=0.4,realtime"), 25)
    assert [change.state for change in states][:5] == ["connecting", "online", "retrying", "online", "retrying"]
    assert [i for i, frame in enumerate(frames) if frame.discontinuity] == [10, 20]
    times = [frame.t for frame in frames]
    assert times == sorted(times)
    assert times[10] - times[9] == pytest.approx(frames[10].arrived - frames[9].arrived, abs=0.001)


def test_graph_that_is_wrong_says_so_at_once() -> None:
    with pytest.raises(SourceError, match="lavfi:nonsense: "):
        list(open_source("lavfi:nonsense", QUICK).items(threading.Event()))


@pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is of Linux")
def test_camera_that_is_not_there() -> None:
    for spec in ("77", "/dev/video77", "v4l2:/dev/video77"):
        with pytest.raises(SourceNotFoundError, match="/dev/video77"):
            list(open_source(spec, QUICK).items(threading.Event()))


def test_cameras_are_listed_without_being_opened() -> None:
    for device in list_cameras():
        assert device.spec.isdecimal()
        assert device.name


def test_opencv_camera(tmp_path: Path) -> None:
    clip = media.write_clip(tmp_path / "a.avi", frames=20, codec="mjpeg", pix_fmt="yuvj420p", width=64, height=48)
    frames, states = take(OpenCvCamera(str(clip), QUICK), 30)
    assert [change.state for change in states] == ["connecting", "online", "retrying", "online"]
    assert [i for i, frame in enumerate(frames) if frame.discontinuity] == [20]
    times = [frame.t for frame in frames]
    assert times == sorted(times)
    with pytest.raises(SourceNotFoundError, match="not found"):
        list(OpenCvCamera(str(tmp_path / "absent"), QUICK).items(threading.Event()))


def test_stopping_while_waiting_to_try_again_is_quick() -> None:
    source = open_source(f"{PATTERN}:duration=0.2,realtime", SourceOptions(backoff=(60, 60)))
    with Capture(source) as capture:
        while not (isinstance(item := capture.poll(10), StateChange) and item.state == "retrying"):
            assert item is not None
        started = time.monotonic()
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("spec", ["", "absent.mp4", "foo://bar/baz"])
def test_words_that_name_nothing(spec: str) -> None:
    with pytest.raises(SourceError):
        open_source(spec)
