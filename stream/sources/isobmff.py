"""The boxes of MP4, MOV, HEIF and AVIF files, as far as FFmpeg and OpenCV do not tell what stands in them.

ISO/IEC 14496-12: boxes 4.2, the sample description 8.5.2; ISO/IEC 23008-12 for the properties of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_MOST = 64 * 1024 * 1024
"No table of contents read here is longer, bytes."
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of the contents of each box in data[start:end]; one that is cut short ends it."""
    end = len(data) if end is None else min(end, len(data))
    while start + 8 <= end:
        size, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = start + size if size else end
        if size and size < head:
            return
        yield kind, start + head, min(stop, end)
        start = stop


def top_box(path: Path, wanted: bytes) -> bytes:
    """Return the contents of the first box of that type at the top of a file; empty where there is none.

    Raises OSError.
    """
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start = 0
        while start + 8 <= end:
            file.seek(start)
            head = file.read(16)
            size, body = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, body = int.from_bytes(head[8:16], "big"), 16
            size = size or end - start
            if size < body:
                break
            if head[4:8] == wanted:
                file.seek(start + body)
                return file.read(min(size - body, _MOST))
            start += size
    return b""


def sample_entries(path: Path) -> list[str]:
    """Return what each track calls its coding (`avc1`, `mp4a`, `encv`), in their order; empty where unknown."""
    return [kind.decode("latin-1").strip() for kind in _entries(top_box(path, b"moov"))]


def _entries(data: bytes, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    for kind, first, last in boxes(data, start, end):
        if kind in _CONTAINERS:
            yield from _entries(data, first, last)
        elif kind == b"stsd":
            # Version, flags and a count come first.
            yield next((entry for entry, _, _ in boxes(data, first + 8, last)), b"")
