"""The ring's drop policy and the capture thread, with scripted sources."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable

import numpy as np
import pytest
from truefeed.stream.errors import SourceError
from truefeed.stream.sources.base import Item, Tally
from truefeed.stream.sources.capture import Capture, End
from truefeed.stream.sources.ring_buffer import ClosedError, Ring
from truefeed.stream.types import AudioChunk, Frame, StateChange


def test_live_ring_drops_the_oldest_and_counts() -> None:
    ring: Ring[int] = Ring(2, live=True)
    for number in range(5):
        assert ring.put(number)
    assert (ring.get(0), ring.get(0), ring.get(0)) == (3, 4, None)
    assert ring.dropped == 3


def test_file_ring_waits_for_room() -> None:
    ring: Ring[int] = Ring(2, live=False)
    writer = threading.Thread(target=lambda: [ring.put(number) for number in range(100)])
    writer.start()
    assert [ring.get(5) for _ in range(100)] == list(range(100))
    writer.join(5)
    assert ring.dropped == 0


def test_closing_frees_a_waiting_writer_and_refuses_more() -> None:
    ring: Ring[int] = Ring(1, live=False)
    ring.put(1)
    answers: list[bool] = []
    writer = threading.Thread(target=lambda: answers.append(ring.put(2)))
    writer.start()
    ring.close()
    writer.join(5)
    assert answers == [False]
    assert not ring.put(3)


def test_error_is_raised_once_after_what_is_held() -> None:
    ring: Ring[int] = Ring(2, live=True)
    ring.put(1)
    ring.close(SourceError("pulled out"))
    assert ring.get(0) == 1
    with pytest.raises(SourceError, match="pulled out"):
        ring.get(0)
    with pytest.raises(ClosedError):
        ring.get(0)


def test_ring_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ring(0, live=True)


class Scripted:
    """A source that yields what it is given, then waits for the end or raises."""

    name = "scripted"

    def __init__(
        self, items: Iterable[Item], *, live: bool, error: Exception | None = None, linger: bool = False
    ) -> None:
        self.live = live
        self.tally = Tally()
        self.closed = 0
        self.given = threading.Event()
        self._items, self._error, self._linger = items, error, linger

    def items(self, stop: threading.Event) -> Generator[Item]:
        yield from self._items
        self.given.set()
        if self._linger:
            stop.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed += 1


def frame(t: float, discontinuity: bool = False) -> Frame:
    return Frame(np.zeros((2, 4, 3), np.uint8), t, time.monotonic(), discontinuity)


def chunk(t: float) -> AudioChunk:
    return AudioChunk(np.zeros(10, np.float32), 8000, t, time.monotonic())


def drain(capture: Capture) -> list[object]:
    found: list[object] = []
    while not isinstance(item := capture.poll(5), End):
        assert item is not None, "the capture thread hangs"
        found.append(item)
    return found


def test_capture_of_a_file_loses_nothing_and_keeps_the_order() -> None:
    items: list[Item] = [item for i in range(200) for item in (chunk(i / 50), frame(i / 50))]
    with Capture(Scripted(items, live=False)) as capture:
        assert drain(capture) == items
        assert capture.finished
        assert isinstance(capture.poll(0), End)
    assert (capture.stats.frames_read, capture.stats.dropped, capture.stats.state) == (200, 0, "ended")
    assert capture.stats.fps == pytest.approx(50)


def test_slow_consumer_of_a_live_source_gets_the_newest_pictures_and_all_sound_and_states() -> None:
    items: list[Item] = [StateChange("online")]
    items += [item for i in range(100) for item in (frame(float(i)), chunk(float(i)))]
    source = Scripted(items, live=True)
    with Capture(source) as capture:
        assert source.given.wait(5)
        found = drain(capture)
    assert [item.t for item in found if isinstance(item, Frame)] == [97, 98, 99]
    assert [item.t for item in found if isinstance(item, AudioChunk)] == list(range(100))
    assert isinstance(found[0], StateChange)
    assert (capture.stats.frames_read, capture.stats.dropped, capture.stats.sound_dropped) == (100, 97, 0)


def test_discontinuity_of_a_dropped_picture_passes_to_the_next() -> None:
    source = Scripted([frame(0), frame(5, True), frame(6), frame(7), frame(8)], live=True)
    with Capture(source, ring=2) as capture:
        assert source.given.wait(5)
        found = [item for item in drain(capture) if isinstance(item, Frame)]
    assert [(item.t, item.discontinuity) for item in found] == [(7, True), (8, False)]


def test_error_of_the_thread_is_raised_in_the_consumer_after_what_was_read() -> None:
    with Capture(Scripted([frame(0)], live=False, error=SourceError("scripted: broken"))) as capture:
        assert isinstance(capture.poll(5), Frame)
        with pytest.raises(SourceError, match="broken"):
            capture.poll(5)
        assert isinstance(capture.poll(0), End)
        assert capture.finished


def test_stop_joins_the_thread_even_where_it_waits_for_room() -> None:
    source = Scripted([frame(i) for i in range(50)], live=False)
    capture = Capture(source, ring=2)
    capture.start()
    assert isinstance(capture.poll(5), Frame)
    capture.stop()
    capture.stop()
    assert "capture scripted" not in [thread.name for thread in threading.enumerate()]
    assert source.closed == 2


def test_stop_before_start_does_nothing() -> None:
    Capture(Scripted([], live=True)).stop()


def test_one_event_wakes_for_many_captures() -> None:
    wake = threading.Event()
    captures = [Capture(Scripted([frame(0)], live=True, linger=True), wake=wake) for _ in range(3)]
    for capture in captures:
        capture.start()
    seen = 0
    while seen < 3:
        assert wake.wait(5)
        wake.clear()
        seen += sum(isinstance(capture.poll(0), Frame) for capture in captures)
    for capture in captures:
        capture.stop()


def test_poll_gives_none_where_nothing_comes() -> None:
    with Capture(Scripted([], live=True, linger=True)) as capture:
        assert capture.poll(0.01) is None
        assert not capture.finished
