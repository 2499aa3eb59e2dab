"""The files that `truefeed scan` writes beside what it prints: a page and tables."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from ..atomic import write_text
from ..config.scan_settings import ScanSettings
from ..errors import ConfigError, SourceError
from ..redaction import encodable
from ..scan.kept import Kept
from ..scan.parquet_table import ParquetTable
from ..scan.table import Table
from ..types import Report


class Outputs:
    """The files that --report, --csv and --parquet name; whoever stops a long scan keeps what was found.

    Raises ConfigError where one of them cannot be written.
    """

    def __init__(self, settings: ScanSettings) -> None:
        self._page, self._csv = settings.report, settings.csv
        parquet = settings.parquet
        for option, target in (("--report", self._page), ("--csv", self._csv), ("--parquet", parquet)):
            if target is not None and not target.absolute().parent.is_dir():
                raise ConfigError(f"{option} {target}: there is no such folder")
            if target is not None and target.is_dir():
                raise ConfigError(f"{option} {target}: this is a folder; name a file")
        self._table = Table()
        self._parquet = ParquetTable(parquet) if parquet is not None else None
        self._kept: Kept | None = None
        self._stack = ExitStack()
        self.folder: Path | None = None
        "Where what a page needs of each file is kept until the end; None where nobody wants a page."

    def add(self, report: Report) -> None:
        """Keep a report, where somebody wants it."""
        if self._kept is not None:
            self._kept.add(report)
        if self._csv is not None:
            self._table.add(report)
        if self._parquet is not None:
            self._parquet.add(report)

    def __enter__(self) -> Outputs:
        if self._page is not None:
            self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="truefeed-")))
            self._kept = Kept(self.folder)
        return self

    def __exit__(self, *error: object) -> None:
        with self._stack:
            try:
                if self._parquet is not None:
                    self._parquet.close()
                if self._csv is not None and self._table.rows:
                    _write("--csv", self._csv, self._table.text())
            finally:
                if self._page is not None and self._kept is not None and self._kept.reports:
                    _write("--report", self._page, self._kept.html(time.strftime("%Y-%m-%d %H:%M %Z")))


def _write(option: str, target: Path, text: str) -> None:
    """Write at once or not at all: what is cut in two would look like a finding."""
    try:
        write_text(target, encodable(text))
    except OSError as error:
        raise SourceError(f"{option} {target}: {(error.strerror or 'cannot be written').lower()}") from None
