"""Results of a scan of many files, a JSON line each, with which a later scan of the same files goes on."""

from __future__ import annotations

import errno
import json
from contextlib import ExitStack, suppress
from pathlib import Path

from ..errors import ConfigError, SourceError
from ..redaction import redact
from ..sinks.jsonl import dumps
from ..types import Report
from .json_line import line, report_of
from .named import STDIN
from .probe import Found

_BEGIN = b'{"path":'


class Journal:
    """A file of results; what stood in it at the start tells which files need not be judged again.

    Only where a line begins is kept in memory. Each line is with the system before the next file is judged; one that an
    end of the process cut in two is dropped by the next scan.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, int] = {}

    def __enter__(self) -> Journal:
        """Raises ConfigError: it is no such file, or another scan writes it."""
        path = self._path
        with ExitStack() as opened:
            try:
                if path.exists() and not path.is_file():
                    raise ConfigError(f"--resume {path}: name a file")
                self._out = opened.enter_context(path.open("ab", buffering=0))
                self._alone()
                self._in = opened.enter_context(path.open("rb"))
                end = self._read()
                if end < path.stat().st_size:
                    self._out.truncate(end)
            except OSError as error:
                raise ConfigError(f"--resume {path}: {(error.strerror or 'cannot be opened').lower()}") from None
            self._files = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def earlier(self, found: Found) -> Report | None:
        """Return what an earlier scan thought of the file; None where it is to be judged.

        Standard input is another each time, and another file may have the same name where a part of it is not shown.
        """
        name = found.shown or str(found.path)
        if name not in self._lines or name == STDIN or redact(name) != name:
            return None
        self._in.seek(self._lines[name])
        return report_of(json.loads(self._in.readline()))

    def add(self, report: Report) -> None:
        """Append a result. Raises SourceError."""
        # As on standard output: a byte of a name that is no UTF-8 becomes a JSON escape.
        data = (dumps(line(report)) + "\n").encode(errors="backslashreplace")
        try:
            if self._out.write(data) < len(data):
                raise OSError(errno.ENOSPC, "no space left on device")
        except OSError as error:
            raise SourceError(f"--resume {self._path}: {(error.strerror or 'cannot be written').lower()}") from None

    def _read(self) -> int:
        """Find the lines; return where the last whole one ends."""
        end = 0
        for number, data in enumerate(self._in, 1):
            if not data.endswith(b"\n") and (data.startswith(_BEGIN) or _BEGIN.startswith(data)):
                return end
            try:
                self._lines[report_of(json.loads(data)).path] = end
            except ValueError:
                raise ConfigError(f"--resume {self._path}: line {number} is no result of `truefeed scan`") from None
            end += len(data)
        return end

    def _alone(self) -> None:
        with suppress(ImportError):  # Windows
            import fcntl

            try:
                fcntl.flock(self._out, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"--resume {self._path}: another scan writes this file") from None
