"""Takes jobs that wait, one at a time, and has a worker process do them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import TruefeedError
from ..redaction import redact
from ..scan.process import Worker, WorkerEndedError, WorkerLostError
from .database import Row
from .options import WebOptions
from .scans import ATTEMPTS, Scans

_IDLE = 300.0
"A worker without work for so long is ended: its models need memory, s."
_PAUSE = 5.0
"Before a job is tried again whose worker was lost, s."
_START = 120.0
"Loading the models takes no longer than this, s."
Fetch = Callable[[Row], tuple[str, int]]
"Brings the media of a job from their address; returns the file's name in the folder, and its size."


def worker_settings(options: WebOptions, models: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker is told; models: engine, faces, model, voice_model."""
    limits = options.limits
    return {
        **models,
        "memory": limits.memory,
        "written": limits.written_bytes,
        "pixels": limits.pixels,
        "seconds": limits.media_seconds,
    }


class Runner:
    """One thread and its worker.

    Args:
        scans: the jobs.
        options: of the server.
        make: makes a worker.
        fetch: for jobs that name an address.
    """

    def __init__(self, scans: Scans, options: WebOptions, make: Callable[[], Worker], fetch: Fetch) -> None:
        self._scans, self._limits, self._make, self._fetch = scans, options.limits, make, fetch
        self._worker: Worker | None = None
        self._stop = threading.Event()
        self._current: str | None = None
        self.restarts = 0
        "Workers that ended before their time."
        self._thread = threading.Thread(target=self._run, name="truefeed-jobs", daemon=True)

    @property
    def alive(self) -> bool:
        """True while jobs are taken."""
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; a job that is being done waits for the next server."""
        self._stop.set()
        self._scans.waiting.set()
        worker = self._worker
        if worker is not None:
            worker.end()
        if self._thread.ident is not None:
            self._thread.join(10)

    def cancel(self, key: str) -> None:
        """End the job, if it is the one being done."""
        worker = self._worker
        if self._current == key and worker is not None:
            worker.end()

    def _run(self) -> None:
        used = time.monotonic()
        while not self._stop.is_set():
            if not self._scans.waiting.wait(1.0):
                if self._worker is not None and time.monotonic() - used > _IDLE:
                    self._drop()
                continue
            row = None if self._stop.is_set() else self._scans.claim()
            if row is not None:
                self._do(row)
                used = time.monotonic()
        self._drop()

    def _do(self, row: Row) -> None:
        key = str(row["id"])
        self._current = key
        try:
            media = row["media"]
            if media is None:
                self._scans.progress(key, 0.0, "fetch")
                media, _ = self._fetch(row)
            name = (self._scans.row(key) or row)["name"]
            self._work(key, {"folder": str(self._scans.folder(key)), "media": media, "name": name})
        except WorkerEndedError as error:
            self._drop()
            if not self._stop.is_set():
                self.restarts += 1
                self._scans.failed(key, str(error))
        except WorkerLostError as error:
            self._drop()
            if not self._stop.is_set():
                self.restarts += 1
                self._again(row, redact(str(error)))
        except (TruefeedError, OSError) as error:
            self._scans.failed(key, redact(str(error)))
        finally:
            self._current = None

    def _again(self, row: Row, why: str) -> None:
        """Have a job tried anew that lost its worker, a few times; the row is as it was before this attempt."""
        if int(row["attempts"]) + 1 >= ATTEMPTS:
            self._scans.failed(str(row["id"]), f"{why}; tried {ATTEMPTS} times")
            return
        self._stop.wait(_PAUSE)
        self._scans.again(str(row["id"]))

    def _work(self, key: str, task: Mapping[str, Any]) -> None:
        worker = self._ready()
        worker.ask(task)
        deadline = time.monotonic() + self._limits.job_seconds
        while (left := deadline - time.monotonic()) > 0:
            told = worker.line(left)
            if told is None:
                break
            if told["event"] == "progress":
                self._scans.progress(key, float(told["share"]), str(told["stage"]))
            elif told["event"] == "failed":
                self._scans.failed(key, str(told["why"]))
                return
            elif told["event"] == "done":
                result = self._scans.result(key)
                if result is None:
                    raise WorkerEndedError("the result could not be read")
                self._scans.done(key, result)
                return
        raise WorkerEndedError(f"the analysis took longer than {self._limits.job_seconds / 60:g} minutes")

    def _ready(self) -> Worker:
        """Return the worker; the first time, or after it ended, a new one."""
        if self._worker is None:
            self._worker = self._make()
            told = self._worker.line(_START)
            if told is None or told.get("event") != "ready":
                raise WorkerEndedError("the models could not be loaded; see `truefeed doctor`")
        return self._worker

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


def clean(folder: Path) -> None:
    """Remove what a job that was ended left half-written."""
    for part in folder.glob("*.part"):
        part.unlink(missing_ok=True)
