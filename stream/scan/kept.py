"""What the pages of a scan need of each file, in a folder, from the process that judged it to the one that writes."""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
import shutil
from pathlib import Path
from typing import Any

import cv2

from ..atomic import write_text
from ..errors import SourceError
from ..scoring.models import Models
from ..sinks.jsonl import dumps
from ..types import Report
from ..words import say
from .findings import figures, findings
from .html_report import Entry, page, pages
from .recorder import Recorder

_PICTURED = 200
"Results with pictures on a page, the most suspicious ones; a page of a hundred thousand must be readable, too."
_NAME = "result.json"


def keep(report: Report, recorder: Recorder, media: Path, models: Models, folder: Path) -> None:
    """Write what is told of a file, and its pictures; where that fails, its page has figures alone."""
    place = _place(report.path, folder)
    try:
        place.mkdir(exist_ok=True)
        told = findings(report, recorder, media, report.path, models, place)
        write_text(place / _NAME, dumps(told), "replace")
    except (OSError, ValueError, SourceError, cv2.error):
        shutil.rmtree(place, ignore_errors=True)


class Kept:
    """The results of a scan, for its page.

    Args:
        folder: where `keep` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.reports: list[Report] = []
        self._pictured: list[tuple[float, int]] = []
        "Heap of (probability, number of the result)."

    def add(self, report: Report) -> None:
        """Take the next result; of too many with pictures the least suspicious one loses its."""
        self.reports.append(report)
        if not (_place(report.path, self._folder) / _NAME).is_file():
            return
        heapq.heappush(self._pictured, (report.fake_probability or 0.0, len(self.reports) - 1))
        if len(self._pictured) > _PICTURED:
            _, number = heapq.heappop(self._pictured)
            shutil.rmtree(_place(self.reports[number].path, self._folder), ignore_errors=True)

    def html(self, made: str) -> str:
        """Return the page; made: when, for the reader."""
        entries = [self._entry(report) for report in self.reports]
        if len(entries) == 1:
            return page(entries[0].result, entries[0].folder, made)
        return pages(entries, made)

    def _entry(self, report: Report) -> Entry:
        place = _place(report.path, self._folder)
        with contextlib.suppress(OSError, ValueError):
            told: dict[str, Any] = json.loads((place / _NAME).read_text("utf-8"))
            return Entry(told, place)
        full = len(self._pictured) >= _PICTURED and report.status != "error"
        return Entry(figures(report), None, say("report.figures", {"n": _PICTURED}) if full else "")


def _place(path: str, folder: Path) -> Path:
    return folder / hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:16]
