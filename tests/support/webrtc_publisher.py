"""A program that publishes a clip with aiortc, by WHIP or to a Janus room: ended by a signal, or killed.

Prints a JSON line for each change of its connection, and for what comes back over the data channel. With --loss or
--jitter everything goes through a UDP relay that loses and delays packets in both directions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import aiohttp
import aiortc
from aiortc.contrib.media import MediaPlayer


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class Relay(asyncio.DatagramProtocol):
    """Passes datagrams between one client and one target, later or never."""

    def __init__(self, target: tuple[str, int], loss: float, jitter: float) -> None:
        self.target, self.loss, self.jitter = target, loss, jitter
        self.client: Any = None
        self.transport: Any = None
        self.random = random.Random(7)
        self.due: dict[Any, float] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if address != self.target:
            self.client = address
        to = self.client if address == self.target else self.target
        if to is None or self.random.random() < self.loss:
            return
        if self.jitter:
            loop = asyncio.get_running_loop()
            # As in a queue that fills and empties: late, but in order.
            due = max(self.due.get(to, 0.0) + 1e-4, loop.time() + self.random.random() * self.jitter)
            self.due[to] = due
            loop.call_at(due, self.transport.sendto, data, to)
        else:
            self.transport.sendto(data, to)


def without_candidates(offer: str) -> str:
    return re.sub(r"a=(candidate|end-of-candidates).*\r\n", "", offer)


async def relayed(answer: str, args: argparse.Namespace) -> str:
    """Put a relay before the first candidate of the answer, and take the others away."""
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", answer)
    assert found is not None
    loop = asyncio.get_running_loop()
    relay = Relay((found[1], int(found[2])), args.loss, args.jitter)
    transport, _ = await loop.create_datagram_endpoint(lambda: relay, local_addr=(found[1], 0))
    port = transport.get_extra_info("sockname")[1]
    kept = f"{found[0]}".replace(f" {found[2]} typ", f" {port} typ")
    lines = [line for line in answer.split("\r\n") if not line.startswith("a=candidate")]
    return "\r\n".join(part for line in lines for part in ([kept, line] if line.startswith("a=ice-ufrag") else [line]))


def connection(args: argparse.Namespace) -> aiortc.RTCPeerConnection:
    player = MediaPlayer(args.clip, decode=not args.copy)  # its own looping ends at once with PyAV 15 and later
    pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    if not args.janus:
        pc.createDataChannel("truefeed").on("message", lambda text: say(message=json.loads(text)))
    if player.video and not args.no_video:
        sender = pc.addTransceiver(player.video, direction="sendonly")
        codecs = aiortc.RTCRtpSender.getCapabilities("video").codecs
        sender.setCodecPreferences([c for c in codecs if c.name in (args.codec, "rtx")])
    if player.audio and not args.no_audio:
        pc.addTransceiver(player.audio, direction="sendonly")
    pc.on("connectionstatechange", lambda: say(state=pc.connectionState))
    return pc


async def whip(pc: aiortc.RTCPeerConnection, args: argparse.Namespace, ended: asyncio.Event) -> None:
    await pc.setLocalDescription(await pc.createOffer())
    offer = pc.localDescription.sdp
    through = args.loss or args.jitter
    if through:
        offer = without_candidates(offer)
    headers = {"Content-Type": "application/sdp"} | ({"Authorization": f"Bearer {args.token}"} if args.token else {})
    async with aiohttp.ClientSession() as session:
        async with session.post(args.url, data=offer, headers=headers) as response:
            say(status=response.status, location=response.headers.get("Location"))
            if response.status != 201:
                return
            answer, resource = await response.text(), urljoin(args.url, response.headers["Location"])
        if through:
            answer = await relayed(answer, args)
        await pc.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), args.seconds)
        async with session.delete(resource, headers=headers):
            pass


async def janus(pc: aiortc.RTCPeerConnection, args: argparse.Namespace, ended: asyncio.Event) -> None:
    from truefeed.stream.webrtc.janus_session import JanusSession

    session = JanusSession(args.url, None)
    await session.open()
    handle = await session.attach("janus.plugin.videoroom")
    join = {"request": "join", "ptype": "publisher", "room": 1234, "display": args.janus}
    data, _ = await session.ask(handle, join)
    say(joined=data["id"])
    await pc.setLocalDescription(await pc.createOffer())
    _, answer = await session.ask(handle, {"request": "publish"}, {"type": "offer", "sdp": pc.localDescription.sdp})
    assert answer is not None
    await pc.setRemoteDescription(aiortc.RTCSessionDescription(answer["sdp"], "answer"))
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), args.seconds)
    listed, _ = await session.ask(handle, {"request": "listparticipants", "room": 1234})
    say(participants=[p.get("display") for p in listed["participants"]])
    await session.close()


async def publish(args: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    pc = connection(args)
    await (janus if args.janus else whip)(pc, args, ended)
    await pc.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("clip")
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--token")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--no-audio", action="store_true")
    parser.add_argument("--loss", type=float, default=0.0, help="share of the packets")
    parser.add_argument("--jitter", type=float, default=0.0, help="s")
    parser.add_argument("--copy", action="store_true", help="send the clip's VP8 and Opus as they are")
    parser.add_argument("--janus", metavar="DISPLAY", help="url is a Janus WebSocket; publish in room 1234")
    asyncio.run(publish(parser.parse_args()))


if __name__ == "__main__":
    main()
