"""`truefeed scan`: files and folders through the very same analysis as a live stream, without a thread."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path

from ..atomic import write_text
from ..config.option import of
from ..config.scan_settings import ScanSettings
from ..errors import ConfigError, SourceError
from ..redaction import encodable
from ..scan.html_report import page
from ..scan.journal import Journal
from ..scan.json_line import line
from ..scan.named import named
from ..scan.parquet_table import ParquetTable
from ..scan.probe import Found
from ..scan.scanner import Job, judge_all
from ..scan.table import Table
from ..signals import exits_on_sigterm
from ..sinks.jsonl import dumps
from ..types import Report
from .scan_progress import Progress, text


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
        files = stack.enter_context(named(settings.paths, entries=settings.entries, private=settings.allow_private))
        return _scan(files, job, stack.enter_context(kept), journal, settings)


def _scan(files: list[Found], job: Job, kept: _Kept, journal: Journal | None, settings: ScanSettings) -> int:
    many = settings.cluster is not None
    progress = Progress(sys.stderr, len(files), quiet=settings.quiet, lines=settings.json and not many, pace=many)
    with closing(_results(files, job, journal, settings)) as results:
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
    files: list[Found], job: Job, journal: Journal | None, settings: ScanSettings
) -> Generator[tuple[Report | None, bool], None, None]:
    """Yield what is thought of each file, and whether that is from an earlier scan: here in order of the files."""
    left = [found for found in files if journal is None or journal.earlier(found) is None]
    if settings.cluster is not None:
        from ..cluster.scan import judge_there

        with closing(judge_there(left, job, settings)) as there:
            if journal is not None:
                yield from ((report, True) for found in files if (report := journal.earlier(found)) is not None)
            yield from ((report, False) for report in there)
        return
    with closing(judge_all(left, job, jobs=settings.jobs or 1)) as fresh:
        for found in files:
            before = journal.earlier(found) if journal is not None else None
            yield (before, True) if before is not None else (next(fresh), False)


def _folder(explain: Path) -> None:
    try:
        explain.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--explain {explain}: {(error.strerror or 'cannot be made').lower()}") from None


class _Kept:
    """The files that --report, --csv and --parquet name; whoever stops a long scan keeps what was found."""

    def __init__(self, settings: ScanSettings) -> None:
        self._page, self._csv = settings.report, settings.csv
        parquet = settings.parquet
        for option, target in (("--report", self._page), ("--csv", self._csv), ("--parquet", parquet)):
            if target is not None and not target.absolute().parent.is_dir():
                raise ConfigError(f"{option} {target}: there is no such folder")
            if target is not None and target.is_dir():
                raise ConfigError(f"{option} {target}: this is a folder; name a file")
        self._reports: list[Report] = []
        self._table = Table()
        self._parquet = ParquetTable(parquet) if parquet is not None else None

    def add(self, report: Report) -> None:
        """Keep a report, where somebody wants it."""
        if self._page is not None:
            self._reports.append(report)
        if self._csv is not None:
            self._table.add(report)
        if self._parquet is not None:
            self._parquet.add(report)

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._parquet is not None:
                self._parquet.close()
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
