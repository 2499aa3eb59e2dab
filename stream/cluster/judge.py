"""Judges files on one core of a cluster: an actor of Ray Data, and the process that does it for the actor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import TruefeedError
from ..scan.json_line import line
from ..scan.process import WorkerEndedError, WorkerProcess
from ..scan.scanner import failed
from .setup import Setup

ATTEMPTS = 2
"A file that ended so many processes is given up."
_START = 300.0
"Loading the models takes no longer than this, s."


class SetupError(TruefeedError):
    """A node cannot judge anything: no file is to blame, and another attempt would not help."""


class Judge:
    """What Ray Data keeps alive between files.

    Args:
        setup: what to judge with.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._folder = TemporaryDirectory(prefix="truefeed-", ignore_cleanup_errors=True)
        self._settings = setup.settings(Path(self._folder.name))
        self._worker: WorkerProcess | None = None

    def __call__(self, batch: Mapping[str, Any]) -> Iterator[dict[str, list[Any]]]:
        """Yield a result for each row; `number` tells the rows apart, `found` is a Found as JSON."""
        for number, found in zip(batch["number"], batch["found"], strict=True):
            yield {"number": [int(number)], "report": [json.dumps(self.report(json.loads(str(found))))]}

    def report(self, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the report of a file as its JSON line has it, None where it is no media.

        Raises:
            SetupError: the models cannot be loaded here.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._asked(found)
            except WorkerEndedError as error:
                self._end()
                if attempt == ATTEMPTS or isinstance(error, _TooLongError):
                    name = str(found["shown"] or found["path"])
                    return line(failed(name, None, f"{name}: {error}"))
        raise AssertionError

    def _asked(self, found: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._worker is None:
            self._worker = _begun(self._settings)
        self._worker.ask(found)
        told = self._worker.line(self._setup.seconds)
        if told is None:
            raise _TooLongError(f"not judged within the {self._setup.seconds:g} s allowed")
        report: dict[str, Any] | None = told["report"]
        return report

    def close(self) -> None:
        """End the process, and remove what it needed."""
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


class _TooLongError(WorkerEndedError):
    """It would take as long the next time."""


def _begun(settings: Mapping[str, Any]) -> WorkerProcess:
    worker = WorkerProcess("truefeed.stream.scan.worker", settings)
    try:
        told = worker.line(_START)
    except WorkerEndedError as error:
        raise SetupError(f"a node of the cluster cannot load the models: {error}") from None
    if told is None or told["event"] != "ready":
        worker.end()
        why = f"not within {_START:g} s" if told is None else told["why"]
        raise SetupError(f"a node of the cluster cannot load the models: {why}")
    return worker
