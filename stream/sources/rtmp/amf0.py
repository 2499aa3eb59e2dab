"""AMF0, in which RTMP writes its commands (Adobe, "Action Message Format -- AMF 0", 2007)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Value = float | bool | str | None | list["Value"] | dict[str, "Value"]

_DEEPEST = 16
"Objects within objects; a command has two."
_OBJECT_END = 9


def encode(*values: Value | int) -> bytes:
    """Return the values one after another."""
    return b"".join(map(_encoded, values))


def _encoded(value: Value | int) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return bytes((1, value))
    if isinstance(value, int | float):
        return struct.pack(">Bd", 0, value)
    if isinstance(value, str):
        return b"\x02" + _name(value)
    if isinstance(value, Mapping):
        return b"\x03" + b"".join(_name(key) + _encoded(v) for key, v in value.items()) + b"\x00\x00\x09"
    return struct.pack(">BI", 10, len(value)) + encode(*value)


def _name(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Value]:
    """Return the values that data holds. Raises ValueError where it holds something else."""
    reader = _Reader(data)
    values: list[Value] = []
    try:
        while reader.at < len(data):
            values.append(reader.value())
    except (struct.error, IndexError) as error:
        raise ValueError(f"not AMF0: {error}") from None
    return values


class _Reader:
    """Reads values from `at` on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int = 0) -> Value:
        """Return the next one. Raises ValueError, struct.error or IndexError."""
        if depth > _DEEPEST:
            raise ValueError("objects within objects without end")
        match self._number(">B"):
            case 0:
                return self._unpacked(">d")
            case 1:
                return bool(self._number(">B"))
            case 2:
                return self._text(">H")
            case 3:
                return self._members(depth)
            case 5 | 6:
                return None
            case 8:
                self._number(">I")  # how many there are, which nobody keeps to
                return self._members(depth)
            case 10:
                return [self.value(depth + 1) for _ in range(min(self._number(">I"), len(self._data)))]
            case 11:
                milliseconds = self._unpacked(">d")
                self._number(">h")
                return milliseconds
            case 12 | 15:
                return self._text(">I")
            case kind:
                raise ValueError(f"AMF0 has no type {kind} in a command")

    def _members(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while True:
            key = self._text(">H")
            if not key and self._data[self.at] == _OBJECT_END:
                self.at += 1
                return found
            found[key] = self.value(depth + 1)

    def _number(self, form: str) -> int:
        return int(self._unpacked(form))

    def _unpacked(self, form: str) -> float:
        value: float = struct.unpack_from(form, self._data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def _text(self, form: str) -> str:
        length = self._number(form)
        text = self._data[self.at : self.at + length]
        if len(text) < length:
            raise ValueError("a text that is cut off")
        self.at += length
        return text.decode(errors="replace")
