"""A process that decodes and judges files, one after another, with limits, so that a hostile file ends only itself.

It reads a JSON line a job on standard input and writes JSON lines on standard output: `ready`, `progress`, `done`. What
was found it writes into the job's folder. The models stay loaded from one job to the next.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import av

from ..errors import SourceError
from ..scan.findings import findings
from ..scan.probe import Found
from ..scan.process import answering
from ..scan.recorder import Recorder
from ..scan.scanner import Job, judge
from ..scoring.analyzer import Analyzer
from ..scoring.models import Models
from ..types import Report
from .scans import write_json


class Worker:
    """Judges what it is told to.

    Args:
        models: the loaded models.
        out: takes the lines.
        pixels: most of one picture.
        seconds: most of one film or sound.
    """

    def __init__(self, models: Models, out: TextIO, pixels: int, seconds: float) -> None:
        self._models, self._out, self._pixels, self._seconds = models, out, pixels, seconds
        self._parent = os.getppid()

    def run(self, task: Mapping[str, Any]) -> None:
        """Do one job: `folder`, `media` (a name in it), `name` (what the user calls it)."""
        folder = Path(task["folder"])
        media, began = folder / task["media"], time.monotonic()
        self.tell("progress", share=0.0, stage="read")
        length = _length(media)
        recorder = Recorder(self._models, seconds=length, tell=self._progress)
        report = self._judge(media, task["name"], length, recorder)
        self.tell("progress", share=0.97, stage="pictures")
        result = findings(report, recorder, media, task["name"], self._models, folder)
        result["took"] = round(time.monotonic() - began, 2)
        write_json(folder / "track.json", recorder.track())
        write_json(folder / "result.json", result)
        self.tell("done")

    def _judge(self, media: Path, name: str, length: float | None, recorder: Recorder) -> Report:
        why = _too_large(media, self._pixels)
        if length is not None and length > self._seconds:
            why = f"{length / 3600:.1f} hours are more than the {self._seconds / 3600:g} allowed"
        found = Found(media, named=True, error=None if why is None else f"{media}: {why}")
        report = judge(found, self._models, Analyzer(self._models, source=name, observer=recorder))
        assert report is not None  # only files in folders can be left out
        return report

    def _progress(self, share: float, stage: str) -> None:
        if os.getppid() != self._parent:
            os._exit(1)  # whoever asked is gone, and the next server does the job anew
        self.tell("progress", share=share, stage=stage)

    def tell(self, event: str, **more: object) -> None:
        """Write a line."""
        self._out.write(json.dumps({"event": event, **more}) + "\n")
        self._out.flush()


def _length(media: Path) -> float | None:
    """Return what the container says of its length, s."""
    try:
        with av.open(str(media), options={"protocol_whitelist": "file"}, metadata_errors="ignore") as opened:
            return opened.duration / av.time_base if opened.duration else None
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _too_large(media: Path, pixels: int) -> str | None:
    """Say what is wrong with a picture or a video that claims to be giant, before anything decodes it."""
    try:
        with av.open(str(media), options={"protocol_whitelist": "file"}, metadata_errors="ignore") as opened:
            for stream in opened.streams.video:
                if stream.width * stream.height > pixels:
                    return f"{stream.width}x{stream.height} pixels are more than the {pixels / 1e6:g} million allowed"
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return None


def _restrict(memory: int, written: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(words: list[str]) -> int:
    """Serve jobs until standard input ends; words is one JSON object of settings."""
    settings = json.loads(words[0])
    out = answering()
    _restrict(settings["memory"], settings["written"])
    worker = Worker(Job.of(settings).load(), out, settings["pixels"], settings["seconds"])
    worker.tell("ready")
    for task in sys.stdin:
        try:
            worker.run(json.loads(task))
        except (OSError, MemoryError, SourceError) as error:
            worker.tell("failed", why=getattr(error, "strerror", None) or str(error) or type(error).__name__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
