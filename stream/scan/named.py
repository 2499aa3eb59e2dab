"""What a person named on the command line, as files to judge: paths, and `-` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ..errors import ConfigError, SourceError
from .probe import Found, walk

STDIN = "-"
MOST = 4_000_000_000
"Of what does not lie in a file yet, bytes."
_PIECE = 1 << 20


@contextmanager
def named(words: Sequence[str]) -> Iterator[list[Found]]:
    """Yield the files that the words name; what had to be copied is gone at the end.

    Raises:
        ConfigError: standard input is named twice.
    """
    if words.count(STDIN) > 1:
        raise ConfigError("`-`: standard input can be read only once")
    if STDIN not in words:
        yield list(walk([Path(word) for word in words]))
        return
    with TemporaryDirectory(prefix="truefeed-", ignore_cleanup_errors=True) as folder:
        yield [found for word in words for found in _found(word, Path(folder))]


def _found(word: str, folder: Path) -> Iterator[Found]:
    if word != STDIN:
        yield from walk([Path(word)])
        return
    copy = folder / "stdin"
    try:
        if sys.stdin is None:
            raise SourceError(f"{STDIN}: standard input is closed")
        spool(sys.stdin.buffer, copy)
        yield Found(copy, named=True, shown=STDIN)
    except SourceError as error:
        yield Found(copy, True, str(error), shown=STDIN)


def spool(stream: BinaryIO, target: Path, most: int = MOST) -> None:
    """Write a stream into a file, for media are read from their end, too. Raises SourceError, also past most bytes."""
    size = 0
    try:
        with target.open("wb") as out:
            while piece := stream.read(_PIECE):
                size += len(piece)
                if size > most:
                    raise SourceError(f"{STDIN}: more than the {most / 1e9:g} GB allowed; name the file instead")
                out.write(piece)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{STDIN}: {(error.strerror or 'cannot be read').lower()}") from None
