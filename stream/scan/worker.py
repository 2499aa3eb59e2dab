"""A process that judges files for an actor of a cluster, one after another; what a file does to it ends only itself.

It reads a JSON line a file on standard input (the fields of Found) and writes JSON lines on standard output: `ready`,
or `failed` with the reason, and then `done` with the report for each file. The models stay loaded.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from ...engines import EngineError
from ..errors import TruefeedError
from ..redaction import redact
from .json_line import line
from .named import brought
from .probe import Found
from .process import answering
from .scanner import Job, judge

_FETCHES = 3
"Attempts to bring a file from its address; the pause before each further one doubles."
_PAUSE = 0.5
"Before the second attempt, s."


def main(words: list[str]) -> int:
    """Serve files until standard input ends; words is one JSON object of settings."""
    settings = json.loads(words[0])
    out = answering()
    _leave_with_parent()
    try:
        models = Job.of(settings).load()
    except (TruefeedError, EngineError, OSError) as error:
        _tell(out, "failed", why=redact(str(error)))
        return 1
    if models.face.device == "cpu":  # a GPU's driver reserves far more than it uses
        resource.setrlimit(resource.RLIMIT_AS, (settings["memory"], settings["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _tell(out, "ready")
    with TemporaryDirectory(prefix="truefeed-", dir=settings.get("folder")) as folder:
        for number, task in enumerate(sys.stdin):
            found = found_of(json.loads(task), Path(folder, str(number)))
            with _here(found) as here:
                report = judge(here, models, every_frame=settings["every_frame"])
            _tell(out, "done", report=None if report is None else line(report))
    return 0


def found_of(told: Mapping[str, Any], place: Path) -> Found:
    """Return the file that a task names; what is to be fetched comes to place."""
    found = Found(**{**told, "path": Path(told["path"])})
    return found if found.address is None else replace(found, path=place)


@contextmanager
def _here(found: Found) -> Iterator[Found]:
    """Within it the file is here; the network gets more than one chance."""
    for attempt in range(1, _FETCHES + 1):
        with brought(found) as here:
            if found.address is None or here.error is None or attempt == _FETCHES:
                yield here
                return
        time.sleep(_PAUSE * 2 ** (attempt - 1))


def _leave_with_parent() -> None:
    """End with whoever asked, also in the midst of a file."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="truefeed-parent").start()


def _tell(out: TextIO, event: str, **more: object) -> None:
    with suppress(BrokenPipeError):
        out.write(json.dumps({"event": event, **more}) + "\n")
        out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
