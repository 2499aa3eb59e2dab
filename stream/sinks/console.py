"""A plain line on standard error now and then, for a person."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from ..redaction import encodable, redact
from ..types import Alert, Frame, StateChange, Verdict
from .base import Sink
from .text import clock, percent, words

_COLOURS = {"fake": "31;1", "uncertain": "33", "real": "32", "stalled": "33", "retrying": "33", "online": "32"}


class Console(Sink):
    """Writes a line a second at most over all sources, and alerts and changes of state at once."""

    def __init__(
        self,
        out: TextIO,
        *,
        colour: bool | None = None,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the text stream; colour None means: on a terminal where NO_COLOR is not set; every is in s."""
        self._out = out
        self._colour = _wants_colour(out) if colour is None else colour
        self._every, self._clock = every, clock
        self._last = float("-inf")
        self._turns: dict[str, float] = {}

    def state(self, source: str, change: StateChange) -> None:
        detail = f": {change.detail}" if change.detail else ""
        self._write(f"{source} {self._paint(change.state)}{detail}")

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        now = self._clock()
        turn = self._turns.setdefault(verdict.source, float("-inf"))
        # Each of n sources gets every n-th line.
        if now - self._last < self._every or now - turn < self._every * len(self._turns):
            return
        self._last = self._turns[verdict.source] = now
        name = f"{verdict.source}  " if len(self._turns) > 1 else ""
        self._write(f"{clock(verdict.t)}  {name}{self._paint(verdict.status)}  {describe(verdict)}")

    def alert(self, alert: Alert) -> None:
        if not alert.raised:
            cleared = f"alert for {alert.subject} over: {alert.detail}" if alert.detail else None
            self._write(f"{clock(alert.t)}  {alert.source}: {cleared or f'{alert.subject} no longer looks fake'}")
            return
        what = {"voice": "the voice sounds fake", "stream": "the stream as a whole looks fake"}.get(
            alert.subject, f"{alert.subject} looks fake"
        )
        kept = f", evidence in {alert.evidence}" if alert.evidence else ""
        alarm = self._paint("fake", "ALERT")
        self._write(f"{clock(alert.t)}  {alarm}  {alert.source}: {what} ({percent(alert.probability)}{kept})")

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        self._turns.pop(source, None)  # the lines are shared among those who are still there
        told = [
            f"{stats[key]} {word}{'s' * (plural and stats[key] != 1)}"
            for key, word, plural in (
                ("frames_read", "frames read", False),
                ("frames_scored", "scored", False),
                ("dropped", "dropped", False),
                ("alerts", "alert", True),
                ("reconnects", "reconnection", True),
            )
            if stats.get(key) is not None and (stats[key] or key in ("frames_read", "frames_scored"))
        ]
        self._write(f"{source}: {', '.join(told)}" if told else f"{source}: done")

    def _paint(self, status: str, text: str | None = None) -> str:
        text = text or status
        code = _COLOURS.get(status)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text

    def _write(self, line: str) -> None:
        if self.done:
            return
        try:
            self._out.write(encodable(redact(line)) + "\n")
            self._out.flush()
        except BrokenPipeError:
            self.done = True


def describe(verdict: Verdict) -> str:
    """Return a verdict's figures in words."""
    parts = [f"fake {percent(verdict.fake)}"]
    if verdict.voice is not None:
        parts.append(f"voice {percent(verdict.voice)}")
    count = len(verdict.faces)
    parts.append(f"{count} face{'' if count == 1 else 's'}" if count else "no face")
    if verdict.reasons:
        parts.append(f"({words(tuple(r for r in verdict.reasons if r != 'no-face' or count))})")
    if verdict.latency is not None:
        parts.append(f"{verdict.latency * 1000:.0f} ms")
    return "  ".join(part for part in parts if part != "()")


def _wants_colour(out: TextIO) -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and out.isatty()
