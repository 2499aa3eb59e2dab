"""Reports as a Parquet file, one row a file, written in groups of rows so that any number of them fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..atomic import beside
from ..errors import MissingExtraError, SourceError
from ..redaction import encodable
from ..sinks.jsonl import dumps
from ..types import Report
from .json_line import line
from .table import COLUMNS

_GROUP = 5000
"Rows that are kept in memory."


class ParquetTable:
    """The columns of the CSV table, with `reasons` as a list, and `json`: the whole line of `--json`.

    The file has its name once it is whole: until `close` it has another one beside it.

    Args:
        path: of the file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        SourceError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "cluster") from None
        self._path, self._part, self._arrow = path, beside(path), pyarrow
        kinds = {"reasons": pyarrow.list_(pyarrow.string())}
        kinds |= dict.fromkeys(("fake_probability", "voice_probability", "seconds"), pyarrow.float64())
        names = (*COLUMNS, "json")
        self._schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in names])
        self._rows: list[dict[str, Any]] = []
        try:
            self._out = parquet.ParquetWriter(self._part, self._schema, compression="zstd")
        except OSError as error:
            raise self._failed(error) from None

    def add(self, report: Report) -> None:
        """Append the row of a report. Raises SourceError."""
        told = line(report)
        row = {name: told.get(name) for name in COLUMNS} | {"model": report.model.get("name"), "json": dumps(told)}
        self._rows.append({key: encodable(value) if isinstance(value, str) else value for key, value in row.items()})
        if len(self._rows) == _GROUP:
            self._write()

    def close(self) -> None:
        """Give the file its name. Raises SourceError."""
        self._write()
        try:
            self._out.close()
            self._part.replace(self._path)
        except OSError as error:
            raise self._failed(error) from None

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        try:
            self._out.write_table(self._arrow.Table.from_pylist(rows, self._schema))
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> SourceError:
        return SourceError(f"--parquet {self._path}: {(error.strerror or 'cannot be written').lower()}")
