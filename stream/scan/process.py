"""A process that judges files for another one, and dies alone: how it is begun, and how it begins."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

import av
import cv2

from ..errors import TruefeedError


class WorkerEndedError(TruefeedError):
    """The process that judged a file is no more."""


class WorkerLostError(TruefeedError):
    """The process that judged a file is no more, through no fault of the file: another attempt may succeed."""


class Worker(Protocol):
    """What judges files for a server, wherever it lies."""

    def ask(self, task: Mapping[str, Any]) -> None:
        """Send a task."""

    def line(self, timeout: float) -> dict[str, Any] | None:
        """Return the next line; None where none came in time, s."""

    def end(self) -> None:
        """End it, whatever it does."""


class WorkerProcess:
    """A process that is given JSON lines to work on and answers in JSON lines; whatever a file does ends only itself.

    Args:
        module: what to run, as `python -m`; its first word is the settings as JSON.
        settings: of the worker; `pixels` is the most that OpenCV decodes of one picture.
    """

    def __init__(self, module: str, settings: Mapping[str, Any]) -> None:
        words = [sys.executable, "-m", module, json.dumps(settings)]
        pixels = {"OPENCV_IO_MAX_IMAGE_PIXELS": str(settings["pixels"])}
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | pixels,
            start_new_session=True,  # Ctrl-C is for the server, which ends its workers itself
        )
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True, name="truefeed-worker").start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for text in self._process.stdout:
                self._lines.put(json.loads(text))
        self._lines.put(None)

    def ask(self, task: Mapping[str, Any]) -> None:
        """Send a task; a worker that is no more is told by `line`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # told by the lines that end
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()

    def line(self, timeout: float) -> dict[str, Any] | None:
        """Return the next line; None where none came within timeout, s. Raises WorkerEndedError."""
        try:
            found = self._lines.get(timeout=timeout)
        except queue.Empty:
            return None
        if found is None:
            raise WorkerEndedError(_why(self._process.wait()))
        return found

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()


def answering() -> TextIO:
    """Begin as such a process; return where its lines go.

    Whatever a library prints must not end up among them, and a file gets one core.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    return out


def _why(code: int) -> str:
    if code == -signal.SIGXFSZ:
        return "what was to be written of it is larger than allowed"
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return "the analysis needed more memory than allowed, or was ended"
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"the file made the analysis crash ({name}); it is damaged, or made to do that"
