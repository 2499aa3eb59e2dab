"""Notices lost H.264 pictures, which the decoder conceals without a word, by the numbers that reference pictures carry.

ITU-T H.264: NAL units 7.3.1, the sequence parameter set 7.3.2.1.1, the slice header 7.3.3, frame_num 7.4.3.
"""

from __future__ import annotations

from collections.abc import Iterator

_HIGH_PROFILES = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244}
_SLICE, _PARTITION, _IDR_SLICE, _SPS = 1, 2, 5, 7
_HEAD = 96
"Bytes of a unit that hold all that is read here."
_DISTRUST = 3
"An encoder that seems to lose something in so many groups of pictures in a row counts in its own way."
_FEW = 3
"A group that breaks off before so many pictures is suspect of that."


class _Bits:
    """Reads bits and Exp-Golomb codes; zeros past the end."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(data, "big"), len(data) * 8

    def u(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if zeros > 32 or self._left < 0:
                raise ValueError("not an Exp-Golomb code")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


class LossDetector:
    """Follows frame_num from packet to packet.

    Args:
        extradata: of the stream: in Annex B form, an avcC record, or empty.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length = (extradata[4] & 3) + 1 if extradata[:1] == b"\1" and len(extradata) > 6 else 0
        self.pictured = False
        "Whether the latest packet held (a part of) a picture."
        self._bits = 0
        "Of frame_num; 0 while unknown, or where gaps are allowed."
        self._planes = False
        self._last: int | None = None
        self._run = 0
        self._short = 0
        for unit in self._avcc_sets(extradata) if self._length else _annexb(extradata):
            self._parameters(unit)

    def lost(self, packet: bytes) -> bool:
        """Say whether a reference picture is missing before this packet; to be called with each one decoded."""
        self.pictured = False
        try:
            for unit in _lengths(packet, self._length) if self._length else _annexb(packet):
                kind = unit[0] & 31
                if kind == _SPS:
                    self._parameters(unit)
                elif kind in (_SLICE, _PARTITION, _IDR_SLICE):
                    self.pictured = True
                    return self._missing(unit, kind)
        except (ValueError, IndexError):
            pass  # damaged; the decoder will say so
        return False

    def reset(self) -> None:
        """Start anew: the next packet stands alone."""
        self._last = None

    def _missing(self, unit: bytes, kind: int) -> bool:
        if not self._bits or self._short >= _DISTRUST:
            return False
        bits = _Bits(unit[1:_HEAD])
        bits.ue(), bits.ue(), bits.ue()  # first_mb_in_slice, slice_type, pic_parameter_set_id
        if self._planes:
            bits.u(2)
        number, last = bits.u(self._bits), self._last
        if kind != _IDR_SLICE and last is not None and (number - last) % (1 << self._bits) > 1:
            self._short = self._short + 1 if self._run < _FEW else 0
            self._run = 0
            return True
        self._run = self._run + 1
        if unit[0] & 0x60 or last is None:
            self._last = number
        return False

    def _parameters(self, unit: bytes) -> None:
        """Read what tells the length of frame_num from a sequence parameter set."""
        if not unit or unit[0] & 31 != _SPS:
            return
        bits = _Bits(unit[1:])
        profile = bits.u(8)
        bits.u(16)
        bits.ue()
        self._planes = False
        if profile in _HIGH_PROFILES:
            chroma = bits.ue()
            self._planes = chroma == 3 and bool(bits.u(1))
            bits.ue(), bits.ue(), bits.u(1)  # bit depths, qpprime_y_zero_transform_bypass_flag
            if bits.u(1):
                for index in range(8 if chroma != 3 else 12):
                    if bits.u(1):
                        _skip_scaling_list(bits, 16 if index < 6 else 64)
        length = bits.ue() + 4
        self._bits = 0 if _gaps_allowed(bits) else length

    @staticmethod
    def _avcc_sets(record: bytes) -> Iterator[bytes]:
        place = 6
        for _ in range(record[5] & 31):
            size = int.from_bytes(record[place : place + 2], "big")
            yield record[place + 2 : place + 2 + size]
            place += 2 + size


def _gaps_allowed(bits: _Bits) -> bool:
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1), bits.se(), bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()  # max_num_ref_frames
    return bool(bits.u(1))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _annexb(data: bytes) -> Iterator[bytes]:
    place = data.find(b"\0\0\1")
    while 0 <= place < len(data) - 3:
        yield data[place + 3 : place + 3 + 4 * _HEAD]
        place = data.find(b"\0\0\1", place + 3)


def _lengths(data: bytes, length: int) -> Iterator[bytes]:
    place = 0
    while place + length < len(data):
        size = int.from_bytes(data[place : place + length], "big")
        yield data[place + length : place + length + min(size, 4 * _HEAD)]
        place += length + size
