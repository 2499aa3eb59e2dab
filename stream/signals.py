"""Ctrl-C, SIGTERM and a closed terminal, as a wish that a loop looks at."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

_raising: object = None
"The handler of Ctrl-C that raises KeyboardInterrupt, while `interrupt_ends_quietly` keeps it away."


def interrupt_ends_quietly() -> None:
    """From now on Ctrl-C ends the process at once and without a word, as it does a program that has only begun.

    KeyboardInterrupt would be raised in the middle of an import, which tells it with a traceback or makes an
    ImportError of it. Nothing happens where somebody else handles Ctrl-C, or has it ignored.
    """
    global _raising
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _raising = signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt_is_raised() -> None:
    """Undo `interrupt_ends_quietly`: what runs now has something to finish."""
    global _raising
    if _raising is not None and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _raising = None


class Interrupt:
    """Within it, the first signal only sets `asked`; a second one ends the process at once.

    A signal that was being ignored (nohup, a background job) stays ignored. Outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        "True once a person or the system wants an end."
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _asked(self, number: int, frame: FrameType | None) -> None:
        # No lock may be taken here: the interrupted code may hold it.
        if self.asked:
            os._exit(128 + number)
        self.asked = True


@contextmanager
def exits_on_sigterm() -> Iterator[None]:
    """Within it, SIGTERM unwinds the program like Ctrl-C does, so that files are closed and child processes ended."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
