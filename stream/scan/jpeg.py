"""Where a JPEG ends, as far as that tells a photograph from a film of them, and a whole one from one that is cut short.

ITU-T T.81, annex B.
"""

from __future__ import annotations

import mmap
import re

_START, _END, _SCAN, _APP2 = 0xD8, 0xD9, 0xDA, 0xE2
_ALONE = {0x01, *range(0xD0, 0xD8)}
"Markers without a length."
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"Markers of a segment that tells the size of the picture."
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"What ends coded data."


Bytes = bytes | memoryview | mmap.mmap


class Jpeg:
    """One JPEG in data, from `start` on.

    Attributes:
        end: where the next thing begins; None where the picture is cut short.
        size: (height, width), px; None where that was not told.
        parts: True where the file says itself that further pictures in it belong to this one (CIPA DC-007).
    """

    def __init__(self, data: Bytes, start: int = 0) -> None:
        self.end: int | None = None
        self.size: tuple[int, int] | None = None
        self.parts = False
        place = start + 2
        while place + 4 <= len(data) or data[place : place + 2] == bytes((0xFF, _END)):
            mark, kind = data[place : place + 2]
            if mark != 0xFF:
                return
            if kind == _END:
                self.end = place + 2
                return
            if kind == 0xFF or kind in _ALONE:
                place += 1 if kind == 0xFF else 2
                continue
            after = self._segment(data, place, kind)
            if after is None:
                return
            place = after

    def _segment(self, data: Bytes, place: int, kind: int) -> int | None:
        """Read a segment and return where the next one begins; None where there is none."""
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 12]
        if kind in _FRAMES and len(body) >= 5:
            self.size = (int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"))
        self.parts |= kind == _APP2 and body[:4] == b"MPF\0"
        if kind != _SCAN:
            return place + 2 + length
        found = _MARKER.search(data, place + 2 + length)
        return None if found is None else int(found.start())


def is_film(data: Bytes) -> bool:
    """Tell whether another picture of the same size follows the first, as cameras write Motion JPEG."""
    first = Jpeg(data)
    if first.end is None or first.parts or first.size is None:
        return False
    place = first.end
    while data[place : place + 1] == b"\0":
        place += 1
    return data[place : place + 3] == b"\xff\xd8\xff" and Jpeg(data, place).size == first.size
