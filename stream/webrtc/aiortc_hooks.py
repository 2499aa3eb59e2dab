"""All that reaches into private parts of aiortc and aioice; pyproject.toml pins the releases that have them.

aiortc decodes every frame that its jitter buffer completes, also after frames were lost, and waits for a lost packet
until 512 others have come. Here its buffer, the queue to its decoder and its error flag are replaced before it starts:
`attach` fails at once, in words, with a release that is built otherwise.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from ..errors import TruefeedError
from .deps import JitterBuffer, TransportPolicy, aiortc
from .gate import Gate

BLOCKED = 0.6
"A lost packet that was asked for again has so long to come; then its frame is given up, s."
_REMEMBERED = 256
Handler = Callable[..., Coroutine[Any, Any, None]]
"Takes a packet."
_LATE = 100
"aiortc takes a packet that is behind by more for a new beginning."


class WatchedBuffer(JitterBuffer):
    """A jitter buffer that gives up a frame after BLOCKED, and tells of every loss."""

    def __init__(self, gate: Gate, given_up: Callable[[], object] = lambda: None) -> None:
        """Make the buffer; given_up is called where lost packets are not waited for any longer."""
        video = gate.kind == "video"
        super().__init__(capacity=512 if video else 16, prefetch=0 if video else 4, is_video=video)
        self._gate, self._given_up = gate, given_up
        self._seen: dict[int, tuple[float, float]] = {}
        "RTP timestamp -> when the first and the last packet of it came."

    def blocked(self, now: float) -> float:
        """Return for how long the oldest frame has been waiting for a packet while newer ones came, s."""
        if len(self._seen) < 3:
            return 0.0
        return now - next(iter(self._seen.values()))[0]

    def add(self, packet: Any) -> Any:
        """See JitterBuffer.add."""
        if self._origin is not None and 0 < (self._origin - packet.sequence_number) % 65536 < _LATE:
            return super().add(packet)  # of a frame that has gone by, such as the second copy of a packet asked for
        now = time.monotonic()
        first, _ = self._seen.get(packet.timestamp, (now, now))
        self._seen[packet.timestamp] = first, now
        added: Any = super().add(packet)
        lost, frame = added
        if frame is None and self._is_video and self.blocked(now) > BLOCKED:
            self.remove(self.capacity)
            self._origin = None
            added = super().add(packet)
            lost, frame = True, added[1]
            self._seen = {packet.timestamp: (now, now)}
        if lost:
            self._gate.lost()
            self._given_up()
        if frame is not None:
            frame.arrived, frame.rtp = self._seen.pop(frame.timestamp, (now, now))[1], frame.timestamp
            for old in [t for t, (begin, _) in self._seen.items() if begin < first and now - begin > 2 * BLOCKED]:
                del self._seen[old]
        elif len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return lost, frame


class _Trouble(threading.Event):
    """aiortc's flag that a frame could not be decoded."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def set(self) -> None:
        self._gate.decode_errors += 1
        self._gate.lost()
        super().set()


def attach(receiver: aiortc.RTCRtpReceiver, kind: str) -> tuple[Gate, WatchedBuffer, Callable[[], list[int]]]:
    """Replace the inner parts of a receiver that has not started; return them, and what lists its missing packets."""
    own = vars(receiver)
    names = {name: f"_RTCRtpReceiver__{name}" for name in ("decoder_queue", "jitter_buffer", "decoder_error")}
    nacks = "_RTCRtpReceiver__nack_generator"
    methods = ("_handle_rtp_packet", "_handle_rtcp_packet", "_send_rtcp_pli", "_send_rtcp_nack")
    if not {*names.values(), nacks} <= own.keys() or not all(hasattr(receiver, name) for name in methods):
        raise TruefeedError("this release of aiortc is built otherwise: pip install 'truefeed[webrtc]' again")
    gate = Gate(kind)
    generator = own[nacks]
    buffer = WatchedBuffer(gate, generator.missing.clear if generator is not None else lambda: None)
    own[names["decoder_queue"]], own[names["jitter_buffer"]], own[names["decoder_error"]] = (
        gate,
        buffer,
        _Trouble(gate),
    )

    def missing() -> list[int]:
        return sorted(generator.missing) if generator is not None else []

    return gate, buffer, missing


def overhear(receiver: aiortc.RTCRtpReceiver, rtp: Handler, rtcp: Handler) -> tuple[Handler, Handler]:
    """Give each packet of a receiver to others; return what takes them in the receiver itself."""
    before: tuple[Handler, Handler] = receiver._handle_rtp_packet, receiver._handle_rtcp_packet
    receiver._handle_rtp_packet = rtp  # type: ignore[method-assign]
    receiver._handle_rtcp_packet = rtcp  # type: ignore[method-assign]
    return before


def codec_of(receiver: aiortc.RTCRtpReceiver, payload_type: int) -> str | None:
    """Return the name of what a payload type was agreed to mean, such as `VP8` or `rtx`."""
    codec = vars(receiver).get("_RTCRtpReceiver__codecs", {}).get(payload_type)
    return None if codec is None else str(codec.name)


async def request_keyframe(receiver: aiortc.RTCRtpReceiver, ssrc: int) -> None:
    """Send a Picture Loss Indication (RFC 4585, section 6.3.1)."""
    await receiver._send_rtcp_pli(ssrc)


async def request_packets(receiver: aiortc.RTCRtpReceiver, ssrc: int, missing: list[int]) -> None:
    """Send a Generic NACK (RFC 4585, section 6.2.1) of sequence numbers."""
    await receiver._send_rtcp_nack(ssrc, missing)


def connections(pc: aiortc.RTCPeerConnection) -> Iterator[Any]:
    """Yield aioice's connection of each transceiver that has one; several may share it."""
    for transceiver in pc.getTransceivers():
        transport = getattr(transceiver.receiver, "transport", None)
        connection = getattr(getattr(transport, "transport", None), "_connection", None)
        if connection is not None:
            yield connection


def ice_servers(pc: aiortc.RTCPeerConnection) -> list[aiortc.RTCIceServer]:
    return list(vars(pc)["_RTCPeerConnection__configuration"].iceServers or [])


def chosen_path(pc: aiortc.RTCPeerConnection) -> str | None:
    """Return the kind of candidate that media flow by; None while they do not."""
    pairs = (pair for connection in connections(pc) for pair in connection._nominated.values())
    return next((str(pair.protocol.local_candidate.type) for pair in pairs), None)


def protocols(connection: Any) -> list[Any]:
    """Return aioice's own list of the sockets of a connection; what is added to it is used and closed with them."""
    found: list[Any] = connection._protocols
    return found


def is_relay_only(connection: Any) -> bool:
    return bool(connection._transport_policy == TransportPolicy.RELAY)
