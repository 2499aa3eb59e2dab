"""The chunk stream of RTMP: messages, cut into pieces that share one connection (Adobe's RTMP 1.0, section 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

_FIRST_SIZE = 128
"Bytes of a chunk until somebody says otherwise."
_LONG = 0xFFFFFF
"A time stamp of so much is written in four bytes of its own."
_HEADERS = (11, 7, 3, 0)
"Bytes of a chunk's header, by its format."
_MOST = 64
"Chunk streams of one connection; publishers use five."


class Kind(IntEnum):
    """What a message is, as far as a publisher sends it."""

    CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW = 5
    BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    COMMAND_AMF3 = 17
    COMMAND = 20


class ProtocolError(ValueError):
    """What came is no RTMP."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, put together again."""

    kind: int
    stream: int
    t: int
    "ms, by the publisher's clock, modulo 2**32."
    payload: bytes


@dataclass(slots=True)
class _ChunkStream:
    kind: int = 0
    stream: int = 0
    length: int = 0
    written: int = 0
    "The time or its difference as it stood in the latest header."
    t: int = 0
    part: bytearray = field(default_factory=bytearray)
    open: bool = False
    "A message is on its way."


class ChunkReader:
    """Puts messages together from the bytes of a connection.

    Args:
        limit: bytes that a message may have; may be raised later.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._size = _FIRST_SIZE
        self._streams: dict[int, _ChunkStream] = {}
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and return the messages that they complete. Raises ProtocolError."""
        self._buffer += data
        found: list[Message] = []
        done = 0
        while (step := self._chunk(done)) is not None:
            done, message = step
            if message is not None:
                found.append(message)
                self._obey(message)
        del self._buffer[:done]
        return found

    def _obey(self, message: Message) -> None:
        value = int.from_bytes(message.payload[:4], "big")
        if message.kind == Kind.CHUNK_SIZE:
            self._size = value & 0x7FFFFFFF
            if not self._size:
                raise ProtocolError("chunks of no bytes")
        elif message.kind == Kind.ABORT and value in self._streams:
            self._streams[value].part.clear()
            self._streams[value].open = False

    def _chunk(self, at: int) -> tuple[int, Message | None] | None:
        """Return where the chunk at `at` ends and what it completes; None where it is not all there yet."""
        buffer = self._buffer
        if len(buffer) <= at:
            return None
        form, number = buffer[at] >> 6, buffer[at] & 63
        at += 1
        if number < 2:
            number, at = 64 + int.from_bytes(buffer[at : at + number + 1], "little"), at + number + 1
        start, at = at, at + _HEADERS[form]
        if len(buffer) < at:
            return None
        known = self._streams.get(number)
        if known is None and form > 1:
            raise ProtocolError("a chunk that goes on with nothing")
        head = self._header(known or _ChunkStream(), form, buffer[start:at])
        stamp = head.written
        if stamp == _LONG:
            stamp, at = int.from_bytes(buffer[at : at + 4], "big"), at + 4
        goes_on = form == 3 and head.open
        if not goes_on:
            head.part = bytearray()
            head.t = stamp if form == 0 else (head.t + stamp) & 0xFFFFFFFF
        end = at + min(self._size, head.length - len(head.part))
        if len(buffer) < end:
            return None
        head.part += buffer[at:end]
        head.open = len(head.part) < head.length
        self._keep(number, head)
        if head.open:
            return end, None
        return end, Message(head.kind, head.stream, head.t, bytes(head.part))

    def _header(self, known: _ChunkStream, form: int, header: bytearray) -> _ChunkStream:
        """Return what is known of the chunk stream once this header was read; nothing is kept yet."""
        head = _ChunkStream(known.kind, known.stream, known.length, known.written, known.t, known.part, known.open)
        if form < 3:
            head.written = int.from_bytes(header[:3], "big")
        if form < 2:
            head.length, head.kind = int.from_bytes(header[3:6], "big"), header[6]
        if form == 0:
            head.stream = int.from_bytes(header[7:11], "little")
        if head.length > self.limit:
            raise ProtocolError(f"a message of {head.length} bytes")
        return head

    def _keep(self, number: int, head: _ChunkStream) -> None:
        self._streams[number] = head
        if len(self._streams) > _MOST:
            raise ProtocolError("too many chunk streams")


def pack(kind: int, payload: bytes, *, stream: int = 0) -> bytes:
    """Return a message as chunks, for an answer."""
    number = 2 if kind < Kind.AUDIO else 3
    header = bytes((number, 0, 0, 0)) + len(payload).to_bytes(3, "big") + bytes((kind,)) + stream.to_bytes(4, "little")
    parts = [payload[at : at + _FIRST_SIZE] for at in range(0, len(payload), _FIRST_SIZE)]
    return header + bytes((0xC0 | number,)).join(parts)
