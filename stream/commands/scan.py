"""`truefeed scan`: files and folders through the very same analysis as a live stream, without a thread."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TextIO

from ..atomic import write_text
from ..config.option import of
from ..config.scan_settings import ScanSettings
from ..errors import ConfigError, SourceError
from ..redaction import displayable, encodable
from ..scan.html_report import EVIDENCE, page
from ..scan.journal import Journal
from ..scan.json_line import line
from ..scan.named import named
from ..scan.probe import Found
from ..scan.scanner import Job, judge_all
from ..scan.table import Table
from ..signals import exits_on_sigterm
from ..sinks.jsonl import dumps
from ..sinks.text import percent, words
from ..types import Report

_NOTHING = "nothing to judge: no video, picture or sound"


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed scan`; returns 1 where some file failed or there was nothing to judge, else 0."""
    settings = of(ScanSettings, vars(arguments))
    kept = _Kept(settings)
    if settings.explain is not None:
        _folder(settings.explain)
    models = settings.engine, settings.faces, settings.model, settings.voice_model
    job = Job(*models, settings.explain, settings.every_frame)
    with exits_on_sigterm(), ExitStack() as stack:
        journal = stack.enter_context(Journal(settings.resume)) if settings.resume is not None else None
        files = stack.enter_context(named(settings.paths, private=settings.allow_private))
        return _scan(files, job, stack.enter_context(kept), journal, settings)


def _scan(files: list[Found], job: Job, kept: _Kept, journal: Journal | None, settings: ScanSettings) -> int:
    progress = _Progress(sys.stderr, len(files), quiet=settings.quiet, lines=settings.json)
    with closing(_results(files, job, settings.jobs, journal)) as results:
        for report, earlier in results:
            if report is not None:
                kept.add(report)
            with progress.step(report, earlier=earlier):
                if report is not None and not earlier:
                    if journal is not None:
                        journal.add(report)
                    sys.stdout.write((dumps(line(report)) if settings.json else text(report)) + "\n")
                    sys.stdout.flush()
    progress.end()
    return 0 if progress.judged + progress.earlier and not progress.failed else 1


def _results(
    files: list[Found], job: Job, jobs: int, journal: Journal | None
) -> Generator[tuple[Report | None, bool], None, None]:
    """Yield in order of the files what is thought of each, and whether that is from an earlier scan."""
    left = [found for found in files if journal is None or journal.earlier(found) is None]
    with closing(judge_all(left, job, jobs=jobs)) as fresh:
        for found in files:
            before = journal.earlier(found) if journal is not None else None
            yield (before, True) if before is not None else (next(fresh), False)


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
    return ", ".join(EVIDENCE[name] for name in found if name)


def _folder(explain: Path) -> None:
    try:
        explain.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--explain {explain}: {(error.strerror or 'cannot be made').lower()}") from None


class _Kept:
    """The files that --report and --csv name, written at the end; whoever stops a long scan keeps what was found."""

    def __init__(self, settings: ScanSettings) -> None:
        self._page, self._csv = settings.report, settings.csv
        for option, target in (("--report", self._page), ("--csv", self._csv)):
            if target is not None and not target.absolute().parent.is_dir():
                raise ConfigError(f"{option} {target}: there is no such folder")
            if target is not None and target.is_dir():
                raise ConfigError(f"{option} {target}: this is a folder; name a file")
        self._reports: list[Report] = []
        self._table = Table()

    def add(self, report: Report) -> None:
        """Keep a report, where somebody wants it."""
        if self._page is not None:
            self._reports.append(report)
        if self._csv is not None:
            self._table.add(report)

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._csv is not None and self._table.rows:
                _write("--csv", self._csv, self._table.text())
        finally:
            if self._page is not None and self._reports:
                _write("--report", self._page, page(self._reports, made=time.strftime("%Y-%m-%d %H:%M %Z")))


def _write(option: str, target: Path, text: str) -> None:
    """Write at once or not at all: what is cut in two would look like a finding."""
    try:
        write_text(target, encodable(text))
    except OSError as error:
        raise SourceError(f"{option} {target}: {(error.strerror or 'cannot be written').lower()}") from None


class _Progress:
    """How far it is, on stderr: on a terminal a line that overwrites itself, elsewhere, with --json, a line a file."""

    def __init__(self, err: TextIO, total: int, *, quiet: bool, lines: bool) -> None:
        self._err, self._total, self._quiet = err, total, quiet
        self._terminal = err.isatty()
        self._lines = lines and not self._terminal
        self.judged = self.failed = self.earlier = self._skipped = 0
        self._started = time.monotonic()

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
        head = f"{done}/{self._total}"
        if self._terminal and not self._quiet and done < self._total:
            self._err.write(f"{head} done")
        elif self._lines and not self._quiet and report is not None and not earlier:
            self._err.write(f"{head} {text(report)}\n")
        self._err.flush()

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
