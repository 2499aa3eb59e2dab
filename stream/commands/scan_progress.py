"""What `truefeed scan` says to a person: a line a file, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..redaction import displayable
from ..sinks.text import percent, words
from ..types import Report

_EVIDENCE = {"manipulated": "manipulated", "synthesised": "synthesised as a whole"}
"What speaks for a fake in a still picture, in words."
_NOTHING = "nothing to judge: no video, picture or sound"
_OFTEN = 10.0
"Between two lines on how far it is, s."
_SURE = 3
"Files after the first one before a pace is told."


def text(report: Report) -> str:
    """Return the report as a line to read."""
    path = displayable(report.path)
    why = displayable(report.error).removeprefix(f"{path}: ") if report.error else words(report.reasons)
    why = "; ".join(filter(None, (why or _evidence(report), *report.notes)))
    voice = f"voice {percent(report.voice_probability)}" if report.voice_probability is not None else ""
    figures = f"{report.status:<10}{percent(report.fake_probability):>4}  {voice:<11}"
    return f"{figures}{path}{f'  ({why})' if why else ''}"


def _evidence(report: Report) -> str:
    """Name what speaks for a fake in a still picture."""
    found = dict.fromkeys(face.get("evidence") for face in report.faces if face["status"] == "fake")
    return ", ".join(_EVIDENCE[name] for name in found if name)


class Progress:
    """How far it is, on stderr: on a terminal a line that overwrites itself, elsewhere a line a file, or now and then.

    Args:
        err: a stream.
        total: files.
        quiet: nothing is said unless there was nothing to judge.
        lines: off a terminal, a line a file.
        pace: off a terminal, a line now and then.
    """

    def __init__(self, err: TextIO, total: int, *, quiet: bool, lines: bool, pace: bool) -> None:
        self._err, self._total, self._quiet = err, total, quiet
        self._terminal = err.isatty()
        self._lines, self._now_and_then = lines and not self._terminal, pace and not self._terminal
        self.judged = self.failed = self.earlier = self._skipped = 0
        self._started = self._said = time.monotonic()
        self._first: float | None = None

    @contextmanager
    def step(self, report: Report | None, *, earlier: bool) -> Iterator[None]:
        """Say that one file more is done; within it the result is printed."""
        self._skipped += report is None
        self.earlier += earlier
        self.judged += report is not None and not earlier
        self.failed += report is not None and report.status == "error"
        done = self.judged + self.earlier + self._skipped
        if self._terminal and not self._quiet:
            # On a terminal both streams end on one screen.
            self._err.write("\r\x1b[K")
            self._err.flush()
        yield
        if self._first is None and not earlier:
            self._first = time.monotonic()
        head = f"{done}/{self._total}"
        if self._quiet:
            return
        if self._terminal and done < self._total:
            self._err.write(f"{head} done{self._pace()}")
        elif self._now_and_then and time.monotonic() - self._said > _OFTEN and (pace := self._pace()):
            self._said = time.monotonic()
            self._err.write(f"{head} done{pace}\n")
        elif self._lines and report is not None and not earlier:
            self._err.write(f"{head} {text(report)}\n")
        self._err.flush()

    def _pace(self) -> str:
        """Say how fast it goes and how long it will take; the first file of all waits for the models."""
        fresh = self.judged + self._skipped - 1
        took = time.monotonic() - (self._first or 0.0)
        if fresh < _SURE or took <= 0:
            return ""
        rate = fresh / took
        return f", {rate:.3g} files a second, {_duration((self._total - self.earlier - fresh - 1) / rate)} left"

    def end(self) -> None:
        """Say how it went."""
        if self._quiet and self.judged + self.earlier:
            return
        took = time.monotonic() - self._started
        parts = [f"{self.judged} judged in {took:.1f} s"] if self.judged or self.earlier else [_NOTHING]
        parts += [f"{self.earlier} judged before"] if self.earlier else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self._skipped} left out (no media)"] if self._skipped else []
        self._err.write(", ".join(parts) + "\n")


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
