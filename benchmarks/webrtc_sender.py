"""Publishes a clip by WHIP, again and again; prints for each publisher when its first picture was due, monotonic, s.

A process of its own, so that what sending costs is not counted as truefeed's. Ended by a signal.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import aiortc
import av

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from webrtc_publisher import relayed, say, without_candidates

_CLOCK = Fraction(1, 90000)


class Camera(aiortc.MediaStreamTrack):
    """Gives each picture of the clip when it is due: as it was coded, or decoded, for the sender to encode."""

    kind = "video"

    def __init__(self, clip: str, fps: int, name: str, *, encode: bool) -> None:
        super().__init__()
        self._pictures = _decoded(clip) if encode else _coded(clip)
        self._fps, self._name, self._number, self._start = fps, name, 0, 0.0

    async def recv(self) -> Any:
        if self._number == 0:
            self._start = time.monotonic()
            say(name=self._name, start=self._start)
        await asyncio.sleep(max(0.0, self._start + self._number / self._fps - time.monotonic()))
        picture = next(self._pictures)
        picture.pts, picture.time_base = self._number * 90000 // self._fps, _CLOCK
        self._number += 1
        return picture


def _decoded(clip: str) -> Iterator[av.VideoFrame]:
    while True:
        with av.open(clip) as media:
            yield from media.decode(video=0)


def _coded(clip: str) -> Iterator[av.Packet]:
    with av.open(clip) as media:
        stream = media.streams.video[0]
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream) if stream.codec.name == "h264" else None
        packets = [p for p in media.demux(stream) if p.size]
        data = [bytes(p) for packet in packets for p in (annex_b.filter(packet) if annex_b else [packet])]
    while True:
        yield from map(av.Packet, data)


async def publish(args: argparse.Namespace, name: str, ended: asyncio.Event) -> None:
    pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    pc.createDataChannel("truefeed")
    sender = pc.addTransceiver(Camera(args.clip, args.fps, name, encode=args.encode), direction="sendonly")
    codecs = aiortc.RTCRtpSender.getCapabilities("video").codecs
    sender.setCodecPreferences([c for c in codecs if c.name in (args.codec, "rtx")])
    await pc.setLocalDescription(await pc.createOffer())
    offer, through = pc.localDescription.sdp, args.loss or args.jitter
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/sdp"}
        body = without_candidates(offer) if through else offer
        async with session.post(f"{args.url}/{name}", data=body, headers=headers) as response:
            answer = await response.text()
            if response.status != 201:
                raise SystemExit(f"{name}: HTTP {response.status} {answer}")
        if through:
            answer = await relayed(answer, args)
        await pc.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        await ended.wait()
    await pc.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="without the name")
    parser.add_argument("clip")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--encode", action="store_true", help="encode here, and so answer keyframe requests")
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    args = parser.parse_args()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await asyncio.gather(*(publish(args, name, ended) for name in args.names))


if __name__ == "__main__":
    asyncio.run(main())
