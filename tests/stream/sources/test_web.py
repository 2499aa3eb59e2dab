"""HLS and files of the web, from a real server on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import media
import numpy as np
import pytest
from hls_server import MediaServer
from truefeed.stream.errors import SourceError
from truefeed.stream.open import open_source
from truefeed.stream.sources.base import SourceOptions
from truefeed.stream.sources.capture import Capture, CaptureStats, End
from truefeed.stream.sources.hls import read_playlist
from truefeed.stream.types import Frame, StateChange

FAST = SourceOptions(pace="fast")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MediaServer]:
    """Five seconds of a small clip with sound, in segments of a second."""
    clip = media.write_clip(tmp_path / "clip.mp4", frames=125, gop=25, width=160, height=96, audio="aac")
    shutil.copy(clip, tmp_path / "download")
    media.ffmpeg("-i", clip, "-c", "copy", "-f", "mpegts", tmp_path / "stream")
    served = MediaServer(tmp_path, clip, shown=4)
    yield served
    served.close()


def watched(url: str, options: SourceOptions | None = None) -> tuple[list[Frame], list[StateChange], CaptureStats]:
    """Watch to the end, as the pipeline does."""
    frames, states = [], []
    # Room for all: what is tested is when pictures come, not how busy the machine is.
    with Capture(open_source(url, options), ring=200) as capture:
        while not isinstance(item := capture.poll(20), End):
            assert item is not None
            if isinstance(item, Frame):
                frames.append(item)
            elif isinstance(item, StateChange):
                states.append(item)
        return frames, states, capture.stats


def test_a_live_playlist_is_watched_as_a_camera_is_and_ends_where_it_says_so(server: MediaServer) -> None:
    frames, states, stats = watched(server.url("live.m3u8"))
    assert [state.state for state in states] == ["connecting", "online", "ended"]
    assert states[-1].detail == "end of the stream"
    assert (stats.frames_read, stats.reconnects) == (75, 0)  # from the second last of four segments on
    assert np.diff([frame.t for frame in frames]).max() < 0.5
    assert not any(frame.discontinuity for frame in frames)
    assert frames[-1].arrived - frames[0].arrived > 2  # paced, not in bursts
    assert server.asked["vod2.ts"] == 1


def _state(capture: Capture) -> str:
    """Return the next state, what else comes passed over."""
    while not isinstance(item := capture.poll(20), StateChange):
        assert item is not None
    return item.state


def test_a_live_playlist_that_stops_growing_is_not_shown_again(server: MediaServer) -> None:
    options = SourceOptions(retries=2, backoff=(0.1, 0.1), stall=0.5)
    states: list[str] = []
    source = open_source(server.url("endless.m3u8"), options)
    with Capture(source) as capture, pytest.raises(SourceError, match="the playlist does not grow"):
        states += iter(lambda: _state(capture), "")
    assert capture.stats.frames_read == 75
    # The stall time is shorter than a segment: only what is three times as late is missed.
    assert states[:4] == ["connecting", "online", "stalled", "retrying"]


@pytest.mark.parametrize("path", ["vod.m3u8", "file/download", "plain/stream"])
def test_what_is_whole_is_read_once_and_none_of_it_is_lost_where_the_reader_is_waited_for(
    server: MediaServer, path: str
) -> None:
    frames, states, stats = watched(server.url(path), FAST)
    assert [state.state for state in states] == ["connecting", "online", "ended"]
    assert (len(frames), stats.dropped) == (125, 0)
    assert [frame.t for frame in frames] == pytest.approx([n / 25 for n in range(125)], abs=0.001)


def test_a_file_without_a_suffix_takes_its_time(server: MediaServer) -> None:
    frames, states, stats = watched(server.url("file/download"))
    assert states[-1].detail == "end of the stream"
    assert stats.frames_read == 125
    assert frames[-1].arrived - frames[0].arrived > 4


def test_a_file_with_its_index_at_the_end_needs_a_server_that_gives_parts(server: MediaServer) -> None:
    assert len(watched(server.url("file/clip.mp4"), FAST)[0]) == 125
    with pytest.raises(SourceError, match="gives no part of a file where one is asked for; download it first"):
        watched(server.url("plain/clip.mp4"), FAST)


def test_a_playlist_says_how_long_to_wait_and_whether_it_ended(server: MediaServer) -> None:
    whole, live = (read_playlist(server.url(name)) for name in ("vod.m3u8", "endless.m3u8"))
    assert whole is not None
    assert live is not None
    assert (whole.target, whole.ended, live.target, live.ended) == (1, True, 1, False)
    master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="avc1.42,mp4a"\n\nvod.m3u8\n'
    (server.folder / "master.m3u8").write_text(master)
    assert read_playlist(server.url("master.m3u8")) == whole
    assert read_playlist(server.url("file/clip.mp4")) is None
    assert read_playlist(server.url("absent.m3u8")) is None
