"""How a program beside truefeed tells: a length, so much JSON, and the bytes that the JSON announces as `size`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<I")


def send(out: BinaryIO, message: Mapping[str, Any], data: bytes | bytearray | memoryview = b"") -> None:
    """Write a message and its data. Raises OSError where nobody reads any more."""
    head = json.dumps({**message, "size": len(data)}).encode()
    out.write(_LENGTH.pack(len(head)) + head)
    if data:
        out.write(data)
    out.flush()


def receive(source: BinaryIO) -> tuple[dict[str, Any], bytearray] | None:
    """Read the next message and its data; None at the end, also where it comes in the middle."""
    length = _exactly(source, _LENGTH.size)
    head = None if length is None else _exactly(source, _LENGTH.unpack(length)[0])
    if head is None:
        return None
    message: dict[str, Any] = json.loads(head)
    data = _exactly(source, message["size"])
    return None if data is None else (message, data)


def _exactly(source: BinaryIO, size: int) -> bytearray | None:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        count = source.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            return None
        filled += count
    return data
