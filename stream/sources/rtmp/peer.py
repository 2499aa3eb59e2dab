"""One connection of a publisher, from its handshake to its end."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

from .amf0 import Value, decode, encode
from .chunks import ChunkReader, Kind, Message, ProtocolError, pack

_VERSION = 3
_HALF = 1536
"Bytes of either half of the handshake, after the version."
_UNKNOWN_LIMIT = 64 * 1024
"Bytes of a message from somebody who has not shown the key."
_TALK = 512 * 1024
"Bytes that such a one may send in all."
_LIMIT = 16 * 1024 * 1024
"Bytes of a message of a publisher."
_WINDOW = 2_500_000
"Bytes after which the other side shall acknowledge; nothing depends on it."
_ACKNOWLEDGE = 500_000
"Bytes after which we do: some publishers stop where nobody does."
_STREAM = 1
"The one media stream of a connection."
_OVER = ("FCUnpublish", "deleteStream", "closeStream")


class GoneError(ConnectionError):
    """The publisher has gone, or what it sent is no RTMP."""


class Peer:
    """A connection; used by one thread at a time, but for `close`.

    Args:
        connection: just accepted.
        address: of the other side, for messages.
    """

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.address = address
        self._socket = connection
        self._chunks = ChunkReader(_UNKNOWN_LIMIT)
        self._received = self._acknowledged = 0
        self._waiting: list[Message] = []
        self._over = False
        "It has said that it ends the stream."
        self._app = ""

    def close(self) -> None:
        """End the connection, from any thread: whoever reads it learns that it is gone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def greet(self, deadline: float) -> str:
        """Shake hands and listen until it wants to publish; return the path, `APP/NAME`, that it names.

        Args:
            deadline: by when it has to say so, s, monotonic.

        Raises GoneError.
        """
        self._shake_hands(deadline)
        while True:
            for number, message in enumerate(self._waiting):
                path = self._command(message) if message.kind in (Kind.COMMAND, Kind.COMMAND_AMF3) else None
                if path is not None:
                    del self._waiting[: number + 1]
                    return path
            self._waiting.clear()
            if self._received > _TALK:
                raise GoneError("it talks without publishing")
            self._waiting = self._read(deadline)

    def accept(self) -> None:
        """Tell the publisher to begin. Raises GoneError."""
        self._chunks.limit = _LIMIT
        self._send(Kind.USER_CONTROL, b"\x00\x00" + _STREAM.to_bytes(4, "big"))
        self._status("status", "NetStream.Publish.Start", "publishing")

    def refuse(self, why: str) -> None:
        """Tell the publisher why it is not wanted, and close."""
        with suppress(GoneError, OSError):
            self._status("error", "NetStream.Publish.BadName", why)
            self._socket.shutdown(socket.SHUT_WR)
            # What is closed with something unread takes the answer back.
            self._socket.settimeout(1.0)
            while self._socket.recv(65536):
                pass
        self.close()

    def poll(self, timeout: float) -> list[Message]:
        """Return what came within `timeout` s of pictures and sound. Raises GoneError once it has ended."""
        if self._over:
            raise GoneError("it ended the stream")
        if self._waiting:
            messages, self._waiting = self._waiting, []
        else:
            try:
                messages = self._read(time.monotonic() + timeout)
            except TimeoutError:
                return []
        for message in messages:
            self._obey(message)
        return [message for message in messages if message.kind in (Kind.AUDIO, Kind.VIDEO)]

    def _obey(self, message: Message) -> None:
        if message.kind in (Kind.COMMAND, Kind.COMMAND_AMF3):
            values = _values(message)
            self._over = self._over or bool(values and values[0] in _OVER)
        elif message.kind == Kind.USER_CONTROL and message.payload[:2] == b"\x00\x06":  # ping
            self._send(Kind.USER_CONTROL, b"\x00\x07" + message.payload[2:6])

    def _shake_hands(self, deadline: float) -> None:
        theirs = self._exactly(1, deadline)
        if theirs[0] != _VERSION:
            raise GoneError("it does not speak RTMP")
        theirs = self._exactly(_HALF, deadline)
        ours = bytes(8) + os.urandom(_HALF - 8)  # a version of 0: no digest is asked for
        self._write(bytes((_VERSION,)) + ours + theirs)
        self._exactly(_HALF, deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            data += self._receive(count - len(data), deadline)
        return bytes(data)

    def _read(self, deadline: float) -> list[Message]:
        data = self._receive(65536, deadline)
        try:
            messages = self._chunks.feed(data)
        except ProtocolError as error:
            raise GoneError(str(error)) from None
        if self._received - self._acknowledged >= _ACKNOWLEDGE:
            self._acknowledged = self._received
            self._send(Kind.ACKNOWLEDGEMENT, (self._received & 0xFFFFFFFF).to_bytes(4, "big"))
        return messages

    def _receive(self, most: int, deadline: float) -> bytes:
        """Return some bytes. Raises TimeoutError, and GoneError."""
        try:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._socket.recv(most)
        except TimeoutError:
            raise
        except OSError as error:
            raise GoneError((error.strerror or "the connection broke").lower()) from None
        if not data:
            raise GoneError("it hung up")
        self._received += len(data)
        return data

    def _command(self, message: Message) -> str | None:
        """Answer a command; return the path where it is `publish`."""
        values = _values(message)
        name, number = values[0] if values else None, values[1] if len(values) > 1 else 0.0
        given = values[2] if len(values) > 2 else None
        if name == "connect":
            self._app = str(given.get("app") or "") if isinstance(given, dict) else ""
            self._send(Kind.WINDOW, _WINDOW.to_bytes(4, "big"))
            self._send(Kind.BANDWIDTH, _WINDOW.to_bytes(4, "big") + b"\x02")
            self._answer(number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, _CONNECTED)
        elif name in ("releaseStream", "FCPublish"):
            self._answer(number, None, None)
        elif name == "createStream":
            self._answer(number, None, float(_STREAM))
        elif name == "publish":
            return f"{self._app}/{values[3] if len(values) > 3 else ''}"
        elif name == "play":
            self._status("error", "NetStream.Play.StreamNotFound", "nothing is played here")
            raise GoneError("it wants to watch")
        return None

    def _answer(self, number: Value, *values: Value) -> None:
        self._send(Kind.COMMAND, encode("_result", number, *values))

    def _status(self, level: str, code: str, description: str) -> None:
        told: dict[str, Value] = {"level": level, "code": code, "description": description}
        self._send(Kind.COMMAND, encode("onStatus", 0, None, told), stream=_STREAM)

    def _send(self, kind: int, payload: bytes, *, stream: int = 0) -> None:
        self._write(pack(kind, payload, stream=stream))

    def _write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(1.0)
            self._socket.sendall(data)
        except OSError as error:
            raise GoneError((error.strerror or "it takes no answer").lower()) from None


_CONNECTED: dict[str, Value] = {
    "level": "status",
    "code": "NetConnection.Connect.Success",
    "description": "Connection succeeded.",
    "objectEncoding": 0.0,
}


def _values(message: Message) -> list[Value]:
    """Return the values of a command. Raises GoneError where it holds none."""
    try:
        return decode(message.payload[1:] if message.kind == Kind.COMMAND_AMF3 else message.payload)
    except ValueError as error:
        raise GoneError(str(error)) from None
