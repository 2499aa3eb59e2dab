"""One thread that reads one source, and the calls by which its consumer takes what was read."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from types import TracebackType

from ..types import AudioChunk, Frame, StateChange, StreamState
from .base import Item, Source
from .packet_buffer import Packet, PacketRing
from .ring_buffer import Ring

PREROLL = 10.0
"Compressed packets kept for evidence, s."
LIVE_FRAMES = 3
"The newest picture matters; room for a hiccup of a tenth of a second, no more."
FILE_FRAMES = 8
SOUND_CHUNKS = 512
"About ten seconds."
STATES = 64
"Rare; the bound only holds where nobody takes them."
_JOIN = 10.0
"Opening a silent server takes five seconds to give up; the thread is joined within this, s."


@dataclass(frozen=True, slots=True)
class End:
    """The source has ended and everything was taken."""


Taken = Frame | AudioChunk | StateChange


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """What a capture has done so far."""

    frames_read: int
    "Decoded pictures."
    dropped: int
    "Pictures that the consumer was too slow for."
    sound_dropped: int
    "Chunks of sound that the consumer was too slow for."
    decode_errors: int
    "Packets that could not be decoded and pictures that came out damaged; none of them is shown."
    skipped: int
    "Video packets passed over while waiting for a keyframe."
    reconnects: int
    state: StreamState
    bitrate_kbps: float | None
    "Of the compressed video, kbit/s."
    width: int | None
    "px"
    height: int | None
    "px"
    fps: float | None
    "Pictures a second of media time, over the last seconds."


class Capture:
    """Reads a source in a thread of its own.

    Errors of the thread are raised by `poll`, once, after everything read before them was taken.

    Args:
        source: read until it ends or `stop` is called.
        ring: pictures held; by default 3 of a live source and 8 of a file.
        preroll: compressed packets are kept for so long, s; 0 = none is.
        wake: set whenever there is something to poll, so that one thread can serve many captures.
    """

    def __init__(
        self, source: Source, *, ring: int | None = None, preroll: float = PREROLL, wake: threading.Event | None = None
    ) -> None:
        self.source = source
        self.packets = PacketRing(preroll)
        self._changed = threading.Condition()
        live = source.live
        self._frames: Ring[tuple[int, Taken]] = Ring(
            ring or (LIVE_FRAMES if live else FILE_FRAMES), live=live, changed=self._changed
        )
        self._sounds: Ring[tuple[int, Taken]] = Ring(SOUND_CHUNKS, live=live, changed=self._changed)
        self._states: Ring[tuple[int, Taken]] = Ring(STATES, live=live, changed=self._changed)
        self._wake = wake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture {source.name}", daemon=True)
        self._count = 0
        self._jumped = 0
        "Number of the earliest discontinuous picture not yet taken."
        self._read = 0
        self._times: deque[float] = deque(maxlen=60)
        self._state: StreamState = "connecting"
        self._last: Frame | None = None
        self._done = False
        self._error: Exception | None = None

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Tell the thread to end, without waiting for it: `stop` joins it. May be called twice."""
        self._stop.set()
        self._frames.close()
        self._sounds.close()
        self._states.close()

    def stop(self) -> None:
        """Stop reading: set the event, join the thread, close the device. May be called twice, or before `start`."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(_JOIN)
        self.source.close()

    def __enter__(self) -> Capture:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def poll(self, timeout: float = 0.0) -> Taken | End | None:
        """Take the oldest thing read; None where nothing came within `timeout` s; End, again and again, at the end."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                item = self._take()
                if item is not None:
                    return item
                if self._done:
                    error, self._error = self._error, None
                    if error is not None:
                        raise error
                    return End()
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def _take(self) -> Taken | None:
        queues: tuple[Ring[tuple[int, Taken]], ...] = (self._states, self._sounds, self._frames)
        heads = [(head[0], queue) for queue in queues if (head := queue.peek()) is not None]
        if not heads:
            return None
        taken = min(heads, key=lambda head: head[0])[1].get(0)
        assert taken is not None
        number, item = taken
        if isinstance(item, Frame) and self._jumped and self._jumped <= number:
            # The first picture after a gap may have been dropped: the next one then stands for it.
            item, self._jumped = replace(item, discontinuity=True), 0
        return item

    @property
    def finished(self) -> bool:
        """Whether the source has ended and everything was taken."""
        with self._changed:
            return (
                self._done and self._error is None and not (len(self._states) or len(self._sounds) or len(self._frames))
            )

    @property
    def stats(self) -> CaptureStats:
        """What was done so far."""
        with self._changed:
            last, times, tally = self._last, self._times, self.source.tally
            span = times[-1] - times[0] if len(times) > 1 else 0.0
            return CaptureStats(
                frames_read=self._read,
                dropped=self._frames.dropped,
                sound_dropped=self._sounds.dropped,
                decode_errors=tally.decode_errors,
                skipped=tally.skipped,
                reconnects=tally.reconnects,
                state=self._state,
                bitrate_kbps=None if last is None else last.bitrate_kbps,
                width=None if last is None else last.image.shape[1],
                height=None if last is None else last.image.shape[0],
                fps=(len(times) - 1) / span if span > 0 else None,
            )

    def _run(self) -> None:
        error: Exception | None = None
        try:
            with closing(self.source.items(self._stop)) as items:
                for item in items:
                    self._accept(item)
                    if self._stop.is_set():
                        break
        except Exception as raised:  # whatever it is, the consumer shall know
            error = raised
        with self._changed:
            self._done, self._error = True, error
            self._state = "ended"
            self._changed.notify_all()
        self._signal()

    def _accept(self, item: Item) -> None:
        if isinstance(item, Packet):
            if self.packets.seconds > 0:
                self.packets.put(item)
            return
        self._count += 1
        if isinstance(item, Frame):
            with self._changed:
                self._read += 1
                self._last = item
                if item.discontinuity:
                    self._times.clear()
                    self._jumped = self._jumped or self._count
                self._times.append(item.t)
            self._frames.put((self._count, item))
        elif isinstance(item, AudioChunk):
            self._sounds.put((self._count, item))
        else:
            self._state = item.state
            self._states.put((self._count, item))
        self._signal()

    def _signal(self) -> None:
        if self._wake is not None:
            self._wake.set()
