"""Files that are whole or not there: written beside the name they are to have, which they take once they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def beside(path: Path) -> Path:
    """Return the name to write to before path: of this process, and with its suffix, by which many a writer chooses."""
    return path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name to write to, which takes the place of path at the end; after an error, Ctrl-C too, nothing stays."""
    part = beside(path)
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once or not at all. Raises OSError."""
    with replacing(path) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write a text in UTF-8 at once or not at all; errors as of `str.encode`. Raises OSError."""
    write_bytes(path, text.encode(errors=errors))
