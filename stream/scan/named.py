"""What a person named on the command line, as files to judge: paths, addresses, and `-` for standard input."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ..errors import ConfigError, SourceError, TruefeedError
from . import address_list, object_store
from .fetch import fetch
from .object_store import is_store
from .probe import Found, walk

STDIN = "-"
MOST = 4_000_000_000
"Of what does not lie in a file yet, bytes."
_PIECE = 1 << 20
_ADDRESS = re.compile(r"(?i)https?://")


@contextmanager
def named(words: Sequence[str], *, entries: str | None = None, private: bool = False) -> Iterator[list[Found]]:
    """Yield the files that the words name; what had to be copied is gone at the end.

    Args:
        words: paths, addresses, `-`.
        entries: a list of further paths and addresses of files, as in address_list.read.
        private: whether addresses of this machine and its network may be fetched.

    Raises:
        ConfigError: nothing is named, standard input is named twice, or the list cannot be read.
    """
    if not words and entries is None:
        raise ConfigError("name a PATH or a --list of what is to be judged")
    if words.count(STDIN) > 1:
        raise ConfigError("`-`: standard input can be read only once")
    if entries is None and not any(word == STDIN or "://" in word for word in words):
        yield list(walk([Path(word) for word in words]))
        return
    with TemporaryDirectory(prefix="truefeed-", ignore_cleanup_errors=True) as folder:
        places = (Path(folder, str(number)) for number in range(len(words)))
        files = [found for word, place in zip(words, places, strict=True) for found in _found(word, place, private)]
        if entries is not None:
            files += [_entry(e, Path(folder, f"l{n}"), private) for n, e in enumerate(address_list.read(entries))]
        yield files


def _found(word: str, place: Path, private: bool) -> Iterator[Found]:
    if _ADDRESS.match(word):
        yield Found(place, named=True, shown=word, address=word, private=private)
        return
    if is_store(word):
        yield from object_store.listed(word, place)
        return
    if word != STDIN:
        yield from walk([Path(word)])
        return
    try:
        if sys.stdin is None:
            raise SourceError(f"{STDIN}: standard input is closed")
        spool(sys.stdin.buffer, place)
        yield Found(place, named=True, shown=STDIN)
    except SourceError as error:
        yield Found(place, True, str(error), shown=STDIN)


def _entry(entry: str, place: Path, private: bool) -> Found:
    """Return the file that an entry of a list names; no folder is searched."""
    if _ADDRESS.match(entry):
        return Found(place, named=True, shown=entry, address=entry, private=private)
    return object_store.found(entry, place) if is_store(entry) else Found(Path(entry), named=True)


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


@contextmanager
def brought(found: Found) -> Iterator[Found]:
    """Yield the file as one that can be judged: what an address names is fetched, and deleted at the end."""
    if found.address is None:
        yield found
        return
    try:
        yield _fetched(found, found.address)
    finally:
        shutil.rmtree(found.path, ignore_errors=True)


def _fetched(found: Found, address: str) -> Found:
    def target(name: str) -> Path:
        return found.path / f"media{Path(name).suffix}"

    try:
        found.path.mkdir()
        if is_store(address):
            return replace(found, address=None, path=object_store.bring(address, found.path, MOST))
        path, _, _ = fetch(address, target, most=MOST, private=found.private, tell=lambda share: None)
    except (OSError, TruefeedError) as error:
        return replace(found, address=None, error=str(error))
    return replace(found, address=None, path=path)
