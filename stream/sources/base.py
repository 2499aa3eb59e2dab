"""What every source is: a generator of frames, sound, compressed packets and changes of state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from ..types import AudioChunk, Frame, Image, StateChange
from .packet_buffer import Packet

Item = Frame | AudioChunk | StateChange | Packet


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is opened and watched."""

    transport: Literal["tcp", "udp"] = "tcp"
    "What carries RTP; TCP loses nothing and passes firewalls."
    audio: bool = True
    "Also decode the sound of the stream."
    mic: str | None = None
    "Take the sound from this microphone instead (index or part of a name); empty for the default one, None for none."
    pace: Literal["realtime", "fast"] = "realtime"
    "Files only: as if it were live, or as fast as the consumer takes it."
    stall: float = 3.0
    "A live source without a new picture for so long is stalled, s."
    backoff: tuple[float, float] = (0.5, 15.0)
    "Wait before the first and, doubling, at most before a later attempt to open it again, s."
    retries: int | None = None
    "Attempts in a row to open it again before giving up; None never gives up."
    token: str | None = field(default=None, repr=False)
    "WebRTC only: what the server asks for."
    ice_servers: tuple[str, ...] = ()
    "WebRTC only: STUN and TURN servers."
    relay_only: bool = False
    "WebRTC only: reach others through the TURN servers and in no other way."
    packets: bool = False
    "WebRTC and the screen: also give compressed packets, which other sources always do; for evidence."


@dataclass(frozen=True, slots=True)
class Device:
    """A camera or a microphone of this machine."""

    spec: str
    "What to write on the command line."
    name: str


@dataclass(slots=True)
class Tally:
    """What a source counts while it runs; read by other threads."""

    decode_errors: int = 0
    "Packets that could not be decoded and frames that the decoder flagged as corrupt."
    skipped: int = 0
    "Video packets passed over while waiting for a keyframe."
    reconnects: int = 0
    "Times that it was opened again with success."


class Chooser(Protocol):
    """Says which pictures of a file are wanted; the others are decoded and go no further."""

    length: float | None
    "Of the file, s; told once it is open, where it is known."

    def wants(self, t: float, glance: Callable[[], Image]) -> bool:
        """Tell whether to give the picture at media time t, s, of which `glance` returns a small copy, HxWx3 BGR."""


class Source(Protocol):
    """A camera, a stream, a file or a microphone."""

    tally: Tally

    @property
    def name(self) -> str:
        """What to call it: the path or the URL, credentials removed."""

    @property
    def live(self) -> bool:
        """True where pictures that are not taken in time are lost; False where the reader can wait."""

    def items(self, stop: threading.Event) -> Generator[Item]:
        """Open the source, yield what it gives, open it again where it fails, and return soon after `stop` is set.

        A live source reopens by itself with back-off. Raises SourceError where it can't be opened the first time, or
        again after `retries` attempts.
        """

    def close(self) -> None:
        """Release the device. May be called twice, and from another thread once the generator has ended."""


def shows_screen(source: Source) -> bool:
    """Say whether a source shows a screen: with many small faces at times, and no picture while nothing changes."""
    return bool(getattr(source, "screen", False))


@runtime_checkable
class Reporting(Protocol):
    """A source that knows more of its connection than what Capture counts."""

    def report(self) -> Mapping[str, Any] | None:
        """Return the figures of the connection (the `stats` event); None while there is none. From any thread."""
