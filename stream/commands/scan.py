"""`truefeed scan`: files and folders through the very same analysis as a live stream, without a thread."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path

from ..config.option import of
from ..config.scan_settings import ScanSettings
from ..errors import ConfigError
from ..scan.journal import Journal
from ..scan.json_line import line
from ..scan.named import named
from ..scan.probe import Found
from ..scan.scanner import Job, judge_all
from ..signals import exits_on_sigterm
from ..sinks.jsonl import dumps
from ..types import Report
from .scan_outputs import Outputs
from .scan_progress import Progress, text


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed scan`; returns 1 where some file failed or there was nothing to judge, else 0."""
    settings = of(ScanSettings, vars(arguments))
    outputs = Outputs(settings)
    if settings.explain is not None:
        _folder(settings.explain)
    models = settings.engine, settings.faces, settings.model, settings.voice_model
    with exits_on_sigterm(), ExitStack() as stack:
        journal = stack.enter_context(Journal(settings.resume)) if settings.resume is not None else None
        files = stack.enter_context(named(settings.paths, entries=settings.entries, private=settings.allow_private))
        job = Job(*models, settings.explain, stack.enter_context(outputs).folder, settings.every_frame)
        return _scan(files, job, outputs, journal, settings)


def _scan(files: list[Found], job: Job, outputs: Outputs, journal: Journal | None, settings: ScanSettings) -> int:
    many = settings.cluster is not None
    progress = Progress(sys.stderr, len(files), quiet=settings.quiet, lines=settings.json and not many, pace=many)
    with closing(_results(files, job, journal, settings)) as results:
        for report, earlier in results:
            if report is not None:
                outputs.add(report)
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
