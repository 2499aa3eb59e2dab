"""How much of a file could not be read: what was damaged in it, and what it promises beyond its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

_LATE = 0.5
"Tracks end a little before their container says, s."
_MATROSKA, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"moof", b"styp", b"sidx", b"uuid", b"meta", b"mfra"}


@dataclass(slots=True)
class Coverage:
    """Counts what was read of one file."""

    good: int = 0
    "Pictures shown; of what has none, packets of sound decoded."
    lost: int = 0
    "The same that were damaged, or that could not be decoded without one that was."
    missing: float = 0.0
    "Share of what the file promises that is not in it, 0..1."
    path: Path | None = None
    "Of the file, where it is one of this machine."
    _place: int = 0
    _ends: dict[int, float] = field(default_factory=dict)

    def read(self, packet: Packet[Any]) -> None:
        """Note how far a track was read."""
        self._place = max(self._place, packet.pos or 0)
        if packet.size and packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._ends[packet.stream_index] = max(end, self._ends.get(packet.stream_index, end))

    def close(self, container: InputContainer, streams: Iterable[Stream]) -> None:
        """Find what is missing, once the end was reached, or what was taken for it."""
        shares = [self.missing, 0.0]
        if self.path is not None and self.path.is_file() and (promised := declared_size(self.path)):
            shares.append(1 - self.path.stat().st_size / promised)
        for stream in streams:
            if _exact(container, stream):
                begin, length = (
                    float((n or 0) * (stream.time_base or 0)) for n in (stream.start_time, stream.duration)
                )
                left = begin + length - self._ends.get(stream.index, begin)
                shares.append(left / length if left > _LATE else 0.0)
        self.missing = min(max(shares), 1.0)

    def broke(self, container: InputContainer) -> None:
        """Note that reading failed in mid-file: what lies behind the latest packet is missing."""
        if container.size > 0:
            self.missing = max(self.missing, 1 - self._place / container.size)

    @property
    def unreadable(self) -> float:
        """Share of the file that could not be read, 0..1."""
        lost = self.lost / (self.good + self.lost) if self.lost else 0.0
        return 1 - (1 - lost) * (1 - self.missing)


def _exact(container: InputContainer, stream: Stream) -> bool:
    """Say whether a track's length is more than a guess by its bitrate."""
    if not stream.duration or not stream.time_base:
        return False
    # The delay of an encoder of MP3 is told beside the count of its frames.
    return container.format.name.startswith(("mov,", "flac")) or (
        container.format.name == "mp3" and bool(stream.start_time)
    )


def declared_size(path: Path) -> int | None:
    """Return how long a file says that it is, bytes; None where its format does not tell. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] in (b"RIFF", b"RF64"):
            size = int.from_bytes(head[4:8], "little")
            return None if size in (0, 0xFFFFFFFF) else size + 8
        if head[:4] == _MATROSKA:
            return _matroska(head)
        if head[4:8] not in _BOXES:
            return None
    return max(_box_ends(path), default=None)


def _box_ends(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        end, start = file.seek(0, 2), 0
        while start + 8 <= end:
            file.seek(start)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8 or head[4:8] not in _BOXES:  # to the end of the file, or no box any more
                return
            start += size
            yield start


def _matroska(head: bytes) -> int | None:
    """Read the size of the segment, which follows the header (RFC 8794)."""
    size, length = _number(head, 4)
    start = 4 + length + size
    if head[start : start + 4] != _SEGMENT:
        return None
    size, length = _number(head, start + 4)
    return None if size == (1 << 7 * length) - 1 else start + 4 + length + size


def _number(data: bytes, start: int) -> tuple[int, int]:
    """Return a number of variable length and its length, bytes."""
    first = data[start] if start < len(data) else 0
    length = 9 - first.bit_length()
    return int.from_bytes(data[start : start + length], "big") & ((1 << 7 * length) - 1), length
