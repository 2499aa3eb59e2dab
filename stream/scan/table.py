"""Reports as a table: CSV after RFC 4180, one row a file, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io

from ..types import Report

COLUMNS = (
    "path",
    "kind",
    "status",
    "fake_probability",
    "voice_probability",
    "reasons",
    "seconds",
    "model",
    "error",
)
"The keys of the JSON line of the same names; reasons with blanks between them, of the model its name."
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"A cell that begins so is run as a formula by a spreadsheet, and the name of a file may come from anybody."


class Table:
    """Gathers rows; an empty cell means that a value is not known."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self._writer = csv.writer(self._out)
        self._writer.writerow(COLUMNS)
        self.rows = 0

    def add(self, report: Report) -> None:
        """Append the row of a report."""
        cells = (
            _path(report.path),
            report.kind,
            report.status,
            report.fake_probability,
            report.voice_probability,
            " ".join(report.reasons),
            report.seconds,
            report.model.get("name"),
            _words(report.error),
        )
        self._writer.writerow(cells)
        self.rows += 1

    def text(self) -> str:
        """Return the whole table."""
        return self._out.getvalue()


def _path(path: str) -> str:
    """Keep a name from being a formula; `./` before it names the same file."""
    return f"./{path}" if path.startswith(_FORMULA) and path != "-" else path


def _words(text: str | None) -> str | None:
    return f"'{text}" if text is not None and text.startswith(_FORMULA) else text
