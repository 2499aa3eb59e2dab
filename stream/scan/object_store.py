"""Files in object stores and other places that fsspec reaches: `s3://`, `gs://`, `abfs://`, `hdfs://` and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MissingExtraError, SourceError, TruefeedError
from ..redaction import redact
from .probe import Found

_SCHEME = re.compile(r"(?i)(?!https?:)[a-z][a-z0-9+.-]*://")
_PATTERN = re.compile(r"[*?\[]")
_PIECE = 1 << 20


def is_store(word: str) -> bool:
    """Tell whether a word is an address that fsspec is to be asked for."""
    return _SCHEME.match(word) is not None


def listed(address: str, place: Path) -> Iterator[Found]:
    """Yield the object that an address names, or those in the folder or of the pattern (`*`, `?`, `[`) that it is.

    Args:
        address: of an object store.
        place: where the first one comes to when it is fetched; the others beside it.
    """
    try:
        store, path = _opened(address)
        pattern = _PATTERN.search(path) is not None
        if pattern or (store.isdir(path) and not store.isfile(path)):
            inside = store.glob(path) if pattern else store.find(path)
            names = [name for name in sorted(inside) if not _hidden(name, path)]
            if pattern and not names:
                raise SourceError(f"{redact(address)}: nothing there fits")
        else:
            yield found(address, place)
            return
    except Exception as error:
        yield Found(place, True, str(refused(address, error)), shown=address)
        return
    for number, name in enumerate(names):
        yield found(store.unstrip_protocol(name), place.with_name(f"{place.name}-{number}"), named=pattern)


def found(address: str, place: Path, *, named: bool = True) -> Found:
    """Return the object that an address names, still to be fetched."""
    return Found(place, named=named, shown=address, address=address)


def bring(address: str, folder: Path, most: int) -> Path:
    """Copy an object into a folder; return the file. Raises SourceError, also where it has more than most bytes."""
    try:
        store, path = _opened(address)
        target = folder / f"media{PurePosixPath(path).suffix}"
        size = 0
        with store.open(path, "rb") as data, target.open("wb") as out:
            while piece := data.read(_PIECE):
                size += len(piece)
                if size > most:
                    raise SourceError(f"{redact(address)}: more than the {most / 1e9:.1f} GB allowed")
                out.write(piece)
    except Exception as error:
        raise refused(address, error) from None
    return target


def _opened(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "cluster") from None
    store, path = fsspec.core.url_to_fs(address)
    return store, str(path)


def _hidden(name: str, folder: str) -> bool:
    inside = PurePosixPath(name.removeprefix(folder) if name.startswith(folder) else PurePosixPath(name).name)
    return any(part.startswith(".") for part in inside.parts)


def refused(address: str, error: Exception) -> TruefeedError:
    """Return what to tell of an object that could not be had; the stores' libraries have errors of their own."""
    if isinstance(error, TruefeedError):
        return error
    shown = redact(address)
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{shown}: there is no such object")
    if isinstance(error, ImportError):
        scheme = address.partition(":")[0].lower()
        package = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(scheme)
        advice = f"pip install {package}" if package else str(error)
        return SourceError(f"{shown}: what reads {scheme}:// is not installed: {advice}")
    return SourceError(f"{shown}: {redact(str(error)) or type(error).__name__}")
