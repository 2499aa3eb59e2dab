"""Values and chunks of RTMP: what is written is read, however it is cut, and nonsense is an error of one kind."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truefeed.stream.sources.rtmp.amf0 import Value, decode, encode
from truefeed.stream.sources.rtmp.chunks import ChunkReader, Kind, ProtocolError, pack

texts = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(values, max_size=5))
def test_values_come_back(written: list[Value]) -> None:
    assert decode(encode(*written)) == written


@given(st.binary(max_size=300))
def test_bytes_that_are_no_values_are_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        decode(data)


def test_objects_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="without end"):
        decode(b"\x03\x00\x01a" * 5000)


@given(st.lists(st.binary(max_size=700), min_size=1, max_size=5), st.integers(1, 400))
def test_messages_come_back_however_they_are_cut(payloads: list[bytes], step: int) -> None:
    sent = b"".join(pack(Kind.VIDEO, payload, stream=1) for payload in payloads)
    reader = ChunkReader(10_000)
    found = [m for at in range(0, len(sent), step) for m in reader.feed(sent[at : at + step])]
    assert [(m.kind, m.stream, m.payload) for m in found] == [(Kind.VIDEO, 1, payload) for payload in payloads]


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_noise_is_messages_or_a_protocol_error(data: bytes, step: int) -> None:
    reader = ChunkReader(2000)
    with suppress(ProtocolError):
        for at in range(0, len(data), step):
            for message in reader.feed(data[at : at + step]):
                assert len(message.payload) <= 2000


def _header(form: int, stamp: int, size: int = 0, number: int = 4) -> bytes:
    plain = min(stamp, 0xFFFFFF).to_bytes(3, "big")
    more = stamp.to_bytes(4, "big") if stamp >= 0xFFFFFF else b""
    about = size.to_bytes(3, "big") + bytes((Kind.AUDIO,)) if form < 2 else b""
    return bytes((form << 6 | number,)) + plain + about + (b"\x01\0\0\0" if form == 0 else b"") + more


def test_times_are_absolute_or_differences_and_may_be_long() -> None:
    # After 4.66 hours a time needs more than three bytes; a chunk that goes on with its message repeats it.
    hours = 5 * 3600 * 1000
    sent = (
        _header(0, 1000, 3) + b"abc",
        _header(1, 20, 2) + b"de",
        _header(2, 30) + b"fg",
        bytes((3 << 6 | 4,)) + b"hi",
        _header(0, hours, 130) + bytes(128) + bytes((3 << 6 | 4,)) + hours.to_bytes(4, "big") + bytes(2),
        _header(1, 40, 1) + b"j",
    )
    found = ChunkReader(1000).feed(b"".join(sent))
    assert [m.t for m in found] == [1000, 1020, 1050, 1080, hours, hours + 40]
    assert [len(m.payload) for m in found] == [3, 2, 2, 2, 130, 1]


def test_messages_of_several_chunk_streams_are_interleaved() -> None:
    size = pack(Kind.CHUNK_SIZE, (2).to_bytes(4, "big"))
    sent = _header(0, 5, 4, number=4) + b"ab" + _header(0, 6, 4, number=7) + b"AB" + b"\xc4cd" + b"\xc7CD"
    found = ChunkReader(100).feed(size + sent)[1:]
    assert [(m.t, m.payload) for m in found] == [(5, b"abcd"), (6, b"ABCD")]


@pytest.mark.parametrize(
    "data",
    [
        b"\xc4",  # goes on with nothing
        _header(0, 0, 5000),  # more than it may have
        pack(Kind.CHUNK_SIZE, bytes(4)),
        b"".join(_header(0, 0, 0, number=3 + n) if n < 60 else bytes((0, n)) + _header(0, 0)[1:] for n in range(80)),
    ],
)
def test_what_breaks_the_rules_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ChunkReader(1000).feed(data)
