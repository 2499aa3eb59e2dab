"""One peer connection that only receives: its tracks, drained by loops that hand over and do nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..errors import SourceError
from ..sources.base import Tally
from .aiortc_hooks import chosen_path, connections
from .avsync import Clock
from .deps import MediaStreamError, aiortc
from .frame_queue import FrameQueue
from .ice import widen
from .track import Receiver


class Peer:
    """A connection to one publisher. Its methods belong to the event loop; `inbox`, `alive` and `report` to anyone.

    Args:
        configuration: STUN and TURN servers.
        tally: counts for the source.
        packets: also give what is compressed.
    """

    def __init__(self, configuration: aiortc.RTCConfiguration, tally: Tally, *, packets: bool = False) -> None:
        self.pc = aiortc.RTCPeerConnection(configuration)
        self.inbox = FrameQueue()
        self.tally = tally
        self.channels: list[aiortc.RTCDataChannel] = []
        self.created = time.monotonic()
        self._clock, self._packets = Clock(), packets
        self._receivers: dict[str, Receiver] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard: float | None = None
        self._closed = False
        self.pc.on("track", self._track)
        self.pc.on("datachannel", self._channel)
        self.pc.on("connectionstatechange", self._state)

    @property
    def heard(self) -> float | None:
        """When anything last came from the other side, s, monotonic; None before."""
        times = [r.heard for r in self._receivers.values() if r.heard is not None]
        return max([*times, *([self._heard] if self._heard is not None else [])], default=None)

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return bool(self.pc.connectionState == "connected")

    async def answer(self, offer: str) -> str:
        """Return the answer to an offer, candidates included. Raises ValueError where the offer is none."""
        try:
            await self.pc.setRemoteDescription(aiortc.RTCSessionDescription(sdp=offer, type="offer"))
            widen(self.pc)
            await self.pc.setLocalDescription(await self.pc.createAnswer())
        except SourceError:
            raise
        except Exception as error:  # aiortc's parser raises whatever comes, from KeyError to AssertionError
            raise ValueError(f"no usable offer ({type(error).__name__})") from error
        self._listen()
        return self._described()

    async def offer(self, *, audio: bool = True) -> str:
        """Return an offer to receive, candidates included."""
        self.pc.addTransceiver("video", direction="recvonly")
        if audio:
            self.pc.addTransceiver("audio", direction="recvonly")
        widen(self.pc)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self._described()

    async def accept(self, answer: str) -> None:
        """Take the answer to the offer. Raises ValueError where it is none."""
        try:
            await self.pc.setRemoteDescription(aiortc.RTCSessionDescription(sdp=answer, type="answer"))
        except Exception as error:  # see `answer`
            raise ValueError(f"no usable answer ({type(error).__name__})") from error
        self._listen()

    async def close(self, why: str = "closed") -> None:
        """Leave; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self.inbox.close(why)
        await self.pc.close()
        for task in list(self._tasks):
            task.cancel()

    def send(self, text: str) -> None:
        """Say something over the data channels that the other side has opened; left out where one is congested."""
        for channel in self.channels:
            if channel.readyState == "open" and channel.bufferedAmount < 65536:
                channel.send(text)

    def report(self) -> dict[str, Any]:
        """Return the figures of the connection, by the names of the `stats` event."""
        figures: dict[str, Any] = {"connection": str(self.pc.connectionState), "path": self.path}
        for kind in ("video", "audio"):
            if kind in self._receivers:
                figures |= self._receivers[kind].report("" if kind == "video" else "audio_")
        figures["queue_dropped"] = self.inbox.dropped
        return figures

    def _described(self) -> str:
        """Return the own description. Raises SourceError where nobody could reach us by it."""
        text = str(self.pc.localDescription.sdp)
        if "a=candidate:" not in text:
            raise SourceError("no way to be reached: no TURN server let us in (--ice-server), or there is no network")
        return text

    @property
    def path(self) -> str | None:
        """By what kind of candidate media flow: `host`, `srflx`, `prflx` or `relay`; None while they do not."""
        return chosen_path(self.pc)

    def _listen(self) -> None:
        """Notice the checks by which a peer shows that it lives while it sends no media (camera off)."""
        for connection in connections(self.pc):
            received = connection.request_received
            if getattr(received, "watched", False):
                continue

            def watch(*arguments: Any, received: Any = received, **named: Any) -> Any:
                self._heard = time.monotonic()
                return received(*arguments, **named)

            watch.watched = True  # type: ignore[attr-defined]
            connection.request_received = watch

    def _state(self) -> None:
        state = self.pc.connectionState
        if state == "failed":
            self.inbox.close("the connection failed")
        elif state == "closed":
            self.inbox.close("the other side left")

    def _channel(self, channel: aiortc.RTCDataChannel) -> None:
        if len(self.channels) >= 4:
            channel.close()
            return
        self.channels.append(channel)

    def _track(self, track: aiortc.MediaStreamTrack) -> None:
        receiver = next(r for r in self.pc.getReceivers() if r.track is track)
        extra = track.kind in self._receivers
        if not extra:
            self._receivers[track.kind] = Receiver(
                receiver, track.kind, self._clock, self.tally, self.inbox if self._packets else None
            )
            self._start(self._receivers[track.kind].tend())
        self._start(self._drain(track, None if extra else self._receivers[track.kind]))

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, track: aiortc.MediaStreamTrack, receiver: Receiver | None) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if receiver is not None:
                entry = receiver.entry(frame)
                if entry is not None:
                    self.inbox.put(entry)
