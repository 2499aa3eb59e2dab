"""Programs that run beside a test and print JSON lines: truefeed itself, publishers, media servers."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from clips import moving_face, write_video
from media import ffmpeg

HERE = Path(__file__).parent
_DATA = ExitStack()
atexit.register(_DATA.close)


class Running:
    """A child process whose lines on stdout are collected as events."""

    def __init__(self, *command: str | Path, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self.pid = self._process.pid
        self.events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line) | {"_at": time.monotonic()})
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors.append(line)

    def of(self, start: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        """Return the events that have all these values."""
        return [e for e in self.events[start:] if all(e.get(k) == v for k, v in wanted.items())]

    def wait(self, timeout: float = 40, start: int = 0, count: int = 1, **wanted: Any) -> dict[str, Any]:
        """Wait until `count` such events have come; return the last."""
        return self.until(lambda: self.of(start, **wanted)[count - 1 : count], timeout, wanted)[0]

    def until(self, found: Callable[[], list[Any]], timeout: float, what: object = "") -> list[Any]:
        with self._changed:
            done = self._changed.wait_for(lambda: found() or self._process.poll() is not None, timeout)
            events = found()
        said = "".join(self.errors[-20:])
        assert events, f"{what} did not come{' in time' if not done else ''}: {self.events[-5:]} {said}"
        return events

    def end(self, name: int = signal.SIGINT, timeout: float = 20) -> int:
        """Send a signal and wait; return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(name)
        try:
            code = self._process.wait(timeout)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return code

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process.stdout is not None and not self._process.stdout.closed:
            self.end(signal.SIGKILL)


def truefeed(*words: str | Path, token: str | None = None, env: dict[str, str] | None = None) -> Running:
    """Run truefeed with events on stdout; a server keeps its data in a folder that ends with the test."""
    if words[0] == "serve" and "--data" not in words:
        words = (*words, "--data", _DATA.enter_context(tempfile.TemporaryDirectory()))
    return Running("-m", "truefeed.stream", *words, "--json", env={"TRUEFEED_TOKEN": token or "", **(env or {})})


def publisher(*words: str | Path) -> Running:
    """Run webrtc_publisher.py."""
    return Running(HERE / "webrtc_publisher.py", *words)


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def long_clip(folder: Path) -> Path:
    """Return two minutes of a swaying face, 320x240 at 15 pictures a second, with a tone."""
    short = write_video(folder / "short.mp4", moving_face(4, fps=15, size=(320, 240)), fps=15, tone=300)
    ffmpeg("-stream_loop", "30", "-i", short, "-c", "copy", folder / "long.mp4")
    return folder / "long.mp4"
