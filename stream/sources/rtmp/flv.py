"""What a publisher sends, as the FLV file that FFmpeg reads.

The bodies of RTMP's messages are those of FLV's tags. Metadata are left out: they announce streams that may never come,
for which FFmpeg would wait, and say nothing that the streams do not. A tag of sound or pictures that is no header is
one packet, so it can be told beforehand whether FFmpeg would have to wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

from .chunks import Kind, Message
from .peer import GoneError, Peer

Media = Literal["video", "audio"]

_FLAGS: dict[Media, int] = {"audio": 4, "video": 1}
_OLD_WITH_HEADERS = {"video": (7, 12), "audio": (10,)}
"H.264 and H.265 as some write it; AAC: the second byte tells header from data."
_EXTENDED_AUDIO = 9
_TICK = 0.25
"Waiting is interrupted so often to look at the clock and at the stop event, s."


@dataclass(frozen=True, slots=True)
class _Tag:
    data: bytes
    media: Media
    codec: bytes
    packet: bool
    "It is no header."


class Tags:
    """What PyAV reads in place of a file.

    When something comes that was not there at the beginning (sound after minutes of pictures alone, another codec), the
    file ends and `begin` starts another one: FFmpeg would make it a stream that PyAV does not know of.

    Args:
        peer: the publisher; its messages are taken as they are needed.
        audio: take its sound too.
        stop: ends the waiting of `read`.
    """

    def __init__(self, peer: Peer, stop: threading.Event, *, audio: bool) -> None:
        self.gone = ""
        "Why nothing more will come."
        self._peer, self._stop, self._audio = peer, stop, audio
        self._opened: dict[Media, bytes] = {}
        "The codec of each stream of the file."
        self._tags: deque[_Tag] = deque()
        self._ready = 0
        "Tags among them that are a packet."
        self._inside = 0
        "Packets that FFmpeg has read ahead."
        self._headers: dict[tuple[Media, bytes], bytes] = {}
        self._part = b""
        self._deadline = float("inf")

    def fill(self, timeout: float) -> None:
        """Wait up to `timeout` s for something to come."""
        try:
            for message in self._peer.poll(timeout):
                self._put(message)
        except GoneError as error:
            self.gone = str(error)

    def ready(self, timeout: float) -> bool:
        """Wait up to `timeout` s for the next packet, or the end, and tell whether it can be asked for, to be asked."""
        self._deadline = float("inf")
        if self._inside:
            self._inside -= 1
            return True
        if not self._ready and not self.gone:
            self.fill(timeout)
        if not self._ready:
            return bool(self.gone)
        self._inside -= 1  # reading it will add it
        return True

    @property
    def waiting(self) -> bool:
        """Whether a packet waits to be read."""
        return self._ready > 0

    @property
    def seen(self) -> set[Media]:
        """Of what there are packets."""
        return {*self._opened, *(tag.media for tag in self._tags if tag.packet)}

    def begin(self, wait: float) -> None:
        """Start a file of what was seen so far, which FFmpeg has to understand within `wait` s."""
        first: dict[Media, bytes] = {}
        for tag in self._tags:
            if tag.packet:
                first.setdefault(tag.media, tag.codec)
        self._opened |= first
        self._inside, self._deadline = 0, time.monotonic() + wait
        flags = sum(_FLAGS[media] for media in self._opened)
        headers = b"".join(self._headers.get(stream, b"") for stream in self._opened.items())
        self._part = b"FLV\x01" + bytes((flags,)) + b"\x00\x00\x00\x09" + bytes(4) + headers

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of one tag; none where the file has ended."""
        while not (self._part or self._tags or self.gone or self._stop.is_set()) and time.monotonic() < self._deadline:
            self.fill(_TICK)
        while not self._part and self._tags:
            known = self._opened.get(self._tags[0].media) == self._tags[0].codec
            if self._tags[0].packet and not known:
                return b""
            tag = self._tags.popleft()
            self._part = tag.data if known else b""  # the header of what is to come stands at the next beginning
            self._ready -= tag.packet
            self._inside += tag.packet
        part, self._part = self._part[:size], self._part[size:]
        return part

    def _put(self, message: Message) -> None:
        body = message.payload
        if not body or (message.kind == Kind.AUDIO and not self._audio):
            return
        media: Media = "video" if message.kind == Kind.VIDEO else "audio"
        tag = _Tag(_tag(message.kind, message.t, body), media, _codec(media, body), not _is_header(media, body))
        self._tags.append(tag)
        self._ready += tag.packet
        if not tag.packet:
            self._headers[media, tag.codec] = tag.data


def _tag(kind: int, t: int, body: bytes) -> bytes:
    size = len(body).to_bytes(3, "big")
    stamp = (t & 0xFFFFFF).to_bytes(3, "big") + bytes((t >> 24,))
    return bytes((kind,)) + size + stamp + bytes(3) + body + (len(body) + 11).to_bytes(4, "big")


def _is_header(media: Media, body: bytes) -> bool:
    """Tell whether the body of a message describes what follows and is no packet itself."""
    if media == "video" and body[0] & 0x80:  # Enhanced RTMP: coded frames are 1 and 3
        return body[0] & 15 not in (1, 3)
    if media == "audio" and body[0] >> 4 == _EXTENDED_AUDIO:
        return body[0] & 15 != 1
    if media == "video" and body[0] >> 4 == 5:
        return True  # a command to the player
    codec = body[0] & 15 if media == "video" else body[0] >> 4
    return codec in _OLD_WITH_HEADERS[media] and (len(body) < 2 or body[1] != 1)


def _codec(media: Media, body: bytes) -> bytes:
    """Return what tells the codec of a message from others: the four characters of Enhanced RTMP, or the number."""
    if (media == "video" and body[0] & 0x80) or (media == "audio" and body[0] >> 4 == _EXTENDED_AUDIO):
        return body[1:5]
    return bytes((body[0] & 15 if media == "video" else body[0] >> 4,))
