"""Turns the timestamps of a source into media time: one origin for sound and picture, growing across restarts."""

from __future__ import annotations

from dataclasses import dataclass

GAP = 1.0
"A hole in the pictures longer than this is a discontinuity, s."
SOUND_GAP = 0.25
"The same for sound, s."
APART = 86400.0
"Streams of one file that seem to start further apart, and a longer hole in one, are time stamps of two clocks, s."
_AGREE = 2.0
"The second stream of a session is trusted to share the clock of the first if it is no further off than this, s."


@dataclass(slots=True)
class _Track:
    t: float
    arrived: float
    offset: float | None
    "What turns its timestamps into t, s; None while none was seen."
    length: float
    "Of the latest item, s; 0 where unknown."


class Timeline:
    """Places the items of one source in media time.

    A timestamp that goes back, or runs ahead of the clock on the wall, is no media time: the item is then placed where
    the wall clock (live) or the item before it (a file) puts it, and marked as a discontinuity.

    Args:
        live: trust the wall clock.
        length: of a file, s, where known: holes that stay within it are real.
    """

    def __init__(self, *, live: bool, length: float | None = None) -> None:
        self._live = live
        self._length = length
        self._tracks: dict[str, _Track] = {}
        self._shared: float | None = None
        self._latest: tuple[float, float] | None = None
        self._restarted = False

    def restart(self) -> None:
        """Tell that the source was opened again: its timestamps start anew, t goes on with the wall clock."""
        self._restarted = self._latest is not None
        self._tracks.clear()
        self._shared = None

    def place(self, kind: str, stamp: float | None, arrived: float, length: float = 0.0) -> tuple[float, bool] | None:
        """Return (t, discontinuity) of an item, or None for a picture stamped like the one before it.

        Args:
            kind: `video` or `audio`.
            stamp: its timestamp, s, where it has one.
            arrived: when it was received, s, monotonic.
            length: how long it lasts, s, where known.
        """
        track = self._tracks.get(kind)
        if track is None:
            t, offset = self._first(stamp, arrived)
            jump = self._restarted
        else:
            t, offset, jump = self._next(kind, track, stamp, arrived)
            if t <= track.t:
                return None
        self._tracks[kind] = _Track(t, arrived, offset, length)
        if self._latest is None or t >= self._latest[0]:
            self._latest = (t, arrived)
        return t, jump

    def _first(self, stamp: float | None, arrived: float) -> tuple[float, float | None]:
        """Place the first item of a stream in this session."""
        expected = 0.0
        if self._latest is not None:
            expected = self._latest[0] + max(0.0, arrived - self._latest[1]) * self._live
        if stamp is None:
            return expected, None
        if not self._live and self._shared is not None and abs(stamp + self._shared - expected) > APART:
            return 0.0, -stamp  # its clock is another one: both streams begin at the beginning
        return self._anchor(stamp, expected)

    def _anchor(
        self, stamp: float, expected: float, floor: float = float("-inf"), old: float | None = None
    ) -> tuple[float, float]:
        """Return (t, offset), by the clock that the streams share if that is new and agrees with what is expected."""
        if self._shared is not None and self._shared != old:
            t = stamp + self._shared
            if t > floor and (not self._live or abs(t - expected) <= _AGREE):
                return t, self._shared
        self._shared = expected - stamp
        return expected, self._shared

    def _next(self, kind: str, track: _Track, stamp: float | None, arrived: float) -> tuple[float, float | None, bool]:
        """Place a later item."""
        elapsed = max(0.0, arrived - track.arrived)
        expected = track.t + max(elapsed if self._live else track.length, 0.001)
        if self._live and track.offset is not None:
            expected = max(expected, track.t + track.length)
        if stamp is None:
            # A single one is missing now and then; in a stream without any only the wall clock can be trusted.
            single = track.offset is not None and track.length > 0 and elapsed < GAP
            return track.t + track.length if single else expected, track.offset, False
        if track.offset is None:
            t, offset = self._anchor(stamp, expected, track.t)
            return t, offset, t - expected > GAP
        t = stamp + track.offset
        step = t - track.t
        ahead = (
            step > elapsed + GAP
            if self._live
            else step > APART or (step > GAP and self._length is not None and t > self._length + GAP)
        )
        if ahead or step < -0.001:
            t, offset = self._anchor(stamp, expected, track.t, track.offset)
            return t, offset, True
        hole = step - track.length > SOUND_GAP if kind == "audio" else step > GAP
        return t, track.offset, hole
