"""What one peer receives, as the items of a source; runs in a capture thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any, Protocol, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from ..sources.base import Item, Tally
from ..sources.downmix import Downmix
from ..sources.reconnect import TICK, StalledError
from ..sources.timestamps import Timeline
from ..types import AudioChunk, Frame, StateChange
from .frame_queue import Entry, FrameQueue
from .recorder import Tape

CONNECTING = 15.0
"A peer has so long to come through, s."
_FIRST = 5.0
"A server has so long to send the first of its media, s."


class Feed(Protocol):
    """A participant's connection, as far as reading it is concerned: a `Peer`, or what an SDK makes of one."""

    inbox: FrameQueue

    @property
    def heard(self) -> float | None:
        """When anything last came from the other side, s, monotonic; None before."""

    @property
    def connected(self) -> bool:
        """Whether media can flow."""

    def report(self) -> dict[str, Any]:
        """Return the figures of the connection, by the names of the `stats` event."""


class Reception:
    """Reads a peer to its end.

    Args:
        peer: connected or about to be.
        timeline: of the source.
        tally: of the source.
        stall: without a picture for so long the source is stalled, s; without any sign of life, at its end.
        patient: a peer that lives but sends no picture (camera off) is waited for.
        signalled: somebody else tells when the peer leaves, so its silence alone is no end.
        audio: also take the sound.
    """

    def __init__(
        self,
        peer: Feed,
        timeline: Timeline,
        tally: Tally,
        *,
        stall: float,
        patient: bool,
        signalled: bool = False,
        audio: bool = True,
    ) -> None:
        self._peer, self._timeline, self._tally = peer, timeline, tally
        self._stall, self._patient, self._signalled, self._audio = stall, patient, signalled, audio
        self._shape: tuple[int, ...] | None = None
        self._tape = Tape()
        self._downmix = Downmix()
        self._online = False
        self._began = self._media_at = self._picture_at = time.monotonic()
        self._pictures = self._media = False

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """Yield what comes and None at least every TICK; end where the peer leaves.

        Raises StalledError where the peer is silent.
        """
        inbox = self._peer.inbox
        while not stop.is_set():
            entry = inbox.take(TICK)
            yield from self._tape.packets(inbox.recorded())
            now = time.monotonic()
            if entry is None:
                if inbox.closed is not None:
                    return
                yield None
            else:
                yield from self._open(entry, now)
            yield from self._look(now)

    def _open(self, entry: Entry, now: float) -> Generator[Item]:
        self._media_at, self._media = now, True
        if entry.kind == "audio":
            chunk = self._chunk(entry) if self._audio else None
            if chunk is not None:
                if not self._pictures and not self._online and now - self._began > self._stall:
                    self._online = True  # a participant without a camera
                    yield StateChange("online", "sound only", now)
                yield chunk
            return
        frame = self._frame(entry)
        if frame is None:
            return
        self._picture_at, self._pictures = now, True
        if not self._online:
            self._online = True
            yield StateChange("online", arrived=now)
        yield frame

    def _look(self, now: float) -> Generator[StateChange]:
        heard = self._peer.heard
        if heard is None or not (self._media or self._peer.connected):
            # A first sign of life is not yet a connection: keys are exchanged next, over a bad line in many seconds.
            if now - self._began > CONNECTING:
                raise StalledError(f"no connection within {CONNECTING:g} s; is a TURN server needed (--ice-server)?")
            return
        if not self._signalled and now - heard > max(self._stall, 3.0 if self._silent(now) else 0.0):
            raise StalledError(f"nothing received for {self._stall:g} s")
        if not self._patient and now - self._media_at > (self._stall if self._media else max(self._stall, _FIRST)):
            raise StalledError("no media received")
        if self._online and self._pictures and now - self._picture_at > self._stall:
            self._online = self._pictures = False
            self._began = now
            yield StateChange("stalled", "no picture: camera off, or waiting for a keyframe", now)

    def _silent(self, now: float) -> bool:
        """Whether the peer shows only by its connectivity checks, one every 2.5 s, that it lives."""
        return now - self._media_at > 1.0

    def _frame(self, entry: Entry) -> Frame | None:
        decoded = cast(VideoFrame, entry.frame)
        placed = self._timeline.place("video", entry.stamp, entry.arrived)
        if placed is None:
            return None
        try:
            image = np.asarray(decoded.to_ndarray(format="bgr24", threads=1), np.uint8)
        except (av.error.FFmpegError, ValueError):
            self._tally.decode_errors += 1
            return None
        resized = self._shape not in (None, image.shape)
        self._shape = image.shape
        return Frame(image, placed[0], entry.arrived, placed[1] or resized, entry.bitrate_kbps, entry.loss)

    def _chunk(self, entry: Entry) -> AudioChunk | None:
        decoded = cast(AudioFrame, entry.frame)
        samples = self._downmix.frame(decoded)
        placed = self._timeline.place("audio", entry.stamp, entry.arrived, len(samples) / decoded.sample_rate)
        if placed is None or not len(samples):
            return None
        return AudioChunk(samples, decoded.sample_rate, placed[0], entry.arrived, placed[1])
