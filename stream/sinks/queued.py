"""Writing in a thread of its own, so that a slow disk or a reader that sleeps never delays the watching."""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TextIO

from ..redaction import encodable, redact
from ..types import Alert, Frame, StateChange, Verdict
from .base import Sink, complain

Work = Callable[[], object]


class Queue:
    """Does what it is given in order, in one thread; what it has no room for is counted and told.

    An error ends neither the thread nor the watching: the first is told at once, and how much was not done at the end.
    """

    waits = True
    "Have `put` wait for room; false as soon as something live is watched, which waits for nobody."

    def __init__(self, what: str, errors: TextIO | None, *, limit: int, closing: float = 5.0) -> None:
        """Make an empty queue; the thread starts with the first work.

        Args:
            what: is written, in the plural, for the lines to errors.
            errors: takes a line when something goes wrong for the first time, and one at the end; None: nobody does.
            limit: of what waits.
            closing: where nothing was done for so long, `close` gives up, s.
        """
        self._what, self._errors, self._limit, self._closing = what, errors, limit, closing
        self._work: deque[tuple[Work, bool]] = deque()
        self._changed = threading.Condition()
        self._done = 0
        self._busy = self._closed = self._told = False
        self._thread: threading.Thread | None = None
        self.failed = 0
        "What was not done."

    def put(self, work: Work, *, vital: bool = True) -> bool:
        """Have work done; returns False where there is no room.

        The oldest that is not vital makes room for what comes.
        """
        with self._changed:
            while self.waits and not self._closed and len(self._work) >= self._limit:
                self._changed.wait()
            taken = not self._closed and (len(self._work) < self._limit or self._make_room())
            if taken:
                self._work.append((work, vital))
                self._changed.notify_all()
            else:
                self.failed += 1
            if self._thread is None and taken:
                self._thread = threading.Thread(target=self._run, name="truefeed-queue", daemon=True)
                self._thread.start()
            overflows = self.failed > 0
        if overflows:
            self._tell_first("too slow; not all of them will be written")
        return taken

    def _make_room(self) -> bool:
        for index, (_, vital) in enumerate(self._work):
            if not vital:
                del self._work[index]
                self.failed += 1
                return True
        return False

    def close(self) -> None:
        """Have done what waits, for as long as it goes forward; then say what was not. Twice is once."""
        with self._changed:
            if self._closed:
                return
            self._finish()
            self._closed = True
            self.failed += len(self._work) + self._busy
            self._work.clear()
            self._changed.notify_all()
        if self._thread is not None and not self._busy:
            self._thread.join()
        if self.failed:
            self._tell(f"{self.failed} of the {self._what} not written")

    @property
    def stuck(self) -> bool:
        """Whether the thread is still at something, that may never end."""
        return self._busy

    def _finish(self) -> None:
        before = -1
        while (self._work or self._busy) and (before != self._done or self.waits):
            before = self._done
            self._changed.wait_for(lambda: not (self._work or self._busy), self._closing)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception as error:  # whatever it was: the next is done all the same
                with self._changed:
                    self.failed += not self._closed
                self._tell_first(str(error) or type(error).__name__)
            with self._changed:
                self._done += 1
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._work or self._closed)
            if not self._work:
                return None
            self._busy = True
            return self._work.popleft()[0]

    def _tell_first(self, problem: str) -> None:
        if not self._told:
            self._told = True
            self._tell(f"{self._what}: {problem}; the watching goes on")

    def _tell(self, line: str) -> None:
        if self._errors is not None:
            complain(self._errors, line)


class Queued(Sink):
    """A sink of words, called in a thread of its own; where it is too slow, verdicts and figures are left out."""

    def __init__(self, sink: Sink, queue: Queue) -> None:
        """Take a sink that has no use for pictures, and the queue, which is closed with it."""
        self._sink, self.queue = sink, queue

    @property
    def done(self) -> bool:  # type: ignore[override]
        return self._sink.done

    @property
    def failed(self) -> int:  # type: ignore[override]
        return self._sink.failed + self.queue.failed

    def state(self, source: str, change: StateChange) -> None:
        self.queue.put(partial(self._sink.state, source, change))

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self.queue.put(partial(self._sink.verdict, verdict, None), vital=False)

    def alert(self, alert: Alert) -> None:
        self.queue.put(partial(self._sink.alert, alert))

    def summary(self, source: str, stats: Mapping[str, Any]) -> None:
        self.queue.put(partial(self._sink.summary, source, stats))

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        self.queue.put(partial(self._sink.stats, source, figures), vital=False)

    def close(self) -> None:
        self.queue.close()


class QueuedText(io.TextIOBase):
    """A text stream that is written in a thread of its own, without secrets; flushing it waits for nothing."""

    def __init__(self, out: TextIO, *, limit: int) -> None:
        """Take what is written to, and how many lines wait for a slow reader; more are left out."""
        self._given, self._gone = out, False
        self._out: TextIO | None = None
        self.queue = Queue("lines", None, limit=limit)

    def isatty(self) -> bool:
        return self._given.isatty()

    def write(self, text: str, /) -> int:
        """Have text written. Raises BrokenPipeError once nobody reads it any more."""
        if self._gone:
            raise BrokenPipeError
        self.queue.put(partial(self._write, encodable(redact(text))))
        return len(text)

    def close(self) -> None:
        """Write what waits, for as long as it goes forward. Twice is once."""
        self.queue.close()
        if self._out is not None and self._out is not self._given and not self.queue.stuck:
            with suppress(OSError):  # nobody reads it any more
                self._out.close()

    def _write(self, text: str) -> None:
        self._out = self._out or separate(self._given)
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            self._gone = True


def separate(out: TextIO) -> TextIO:
    """Return a handle of its own on what out writes to; out itself where it is no file.

    A write that never returns holds the lock of its handle; on sys.stdout the interpreter would wait for that at exit.
    """
    try:
        number = os.dup(out.fileno())
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return out
    out.flush()
    return os.fdopen(number, "w", encoding=out.encoding, errors=out.errors)
