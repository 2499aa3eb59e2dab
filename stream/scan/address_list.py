"""Lists of what to judge: a line an address in a text file, or a column of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ConfigError, MissingExtraError
from ..redaction import redact
from .object_store import is_store, refused

COLUMNS = ("path", "url", "uri", "address", "file")
"Where a Parquet file has several columns, the first of these that it has."


def read(name: str) -> Iterator[str]:
    """Yield the entries of a list, each of them once.

    Args:
        name: a path, or an address of an object store; with `.parquet` at its end a Parquet file, whose column may be
            named behind a `#`.

    Raises:
        ConfigError: it cannot be read, or has no such column.
        MissingExtraError: pyarrow or fsspec is not installed.
    """
    file, _, column = name.partition("#") if ".parquet#" in name else (name, "", "")
    seen: set[str] = set()
    try:
        with _opened(file) as data:
            for entry in _parquet(data, file, column) if file.endswith(".parquet") else _text(data):
                if entry not in seen:
                    seen.add(entry)
                    yield entry
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"--list {redact(file)}: {why[:1].lower()}{why[1:]}") from None


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if not is_store(file):
        with Path(file).open("rb") as data:
            yield data
        return
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "cluster") from None
    try:
        data = fsspec.open(file, "rb").open()
    except Exception as error:
        raise ConfigError(f"--list {refused(file, error)}") from None
    with data:
        yield data


def _text(data: BinaryIO) -> Iterator[str]:
    for line in data:
        entry = line.decode("utf-8", "surrogateescape").strip("\r\n")
        if entry and not entry.startswith("#"):
            yield entry


def _parquet(data: BinaryIO, file: str, column: str) -> Iterator[str]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "cluster") from None
    table: Any = parquet.ParquetFile(data)
    names = list(table.schema_arrow.names)
    wanted = column or next((name for name in COLUMNS if name in names), names[0] if len(names) == 1 else "")
    if wanted not in names:
        asked = f"no column {column!r}" if column else f"none of {', '.join(COLUMNS)}; name one: FILE.parquet#COLUMN"
        raise ConfigError(f"--list {redact(file)}: {asked} (it has {', '.join(names)})")
    for batch in table.iter_batches(columns=[wanted]):
        yield from (str(entry) for entry in batch.column(0).to_pylist() if entry)
