"""A program that publishes a clip by WHIP with aiortc, for tests: told to stop by a signal, or killed.

Prints a JSON line when it is connected, and what comes back over the data channel. Not imported by anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any
from urllib.parse import urljoin

import aiohttp
import aiortc
from aiortc.contrib.media import MediaPlayer


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def publish(args: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    player = MediaPlayer(args.clip, loop=True)
    pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    pc.createDataChannel("truefeed").on("message", lambda text: say(message=json.loads(text)))
    if player.video and not args.no_video:
        sender = pc.addTransceiver(player.video, direction="sendonly")
        codecs = aiortc.RTCRtpSender.getCapabilities("video").codecs
        sender.setCodecPreferences([c for c in codecs if c.name in (args.codec, "rtx")])
    if player.audio and not args.no_audio:
        pc.addTransceiver(player.audio, direction="sendonly")
    pc.on("connectionstatechange", lambda: say(state=pc.connectionState))
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"Content-Type": "application/sdp"} | ({"Authorization": f"Bearer {args.token}"} if args.token else {})
    offer = pc.localDescription.sdp
    async with aiohttp.ClientSession() as session:
        async with session.post(args.url, data=offer, headers=headers) as response:
            say(status=response.status, location=response.headers.get("Location"))
            if response.status != 201:
                return
            answer, resource = await response.text(), urljoin(args.url, response.headers["Location"])
        await pc.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        try:
            await asyncio.wait_for(ended.wait(), args.seconds)
        except TimeoutError:
            pass
        if not args.silent:
            async with session.delete(resource, headers=headers):
                pass
        await pc.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("clip")
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--token")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--no-audio", action="store_true")
    parser.add_argument("--silent", action="store_true", help="leave without a DELETE")
    asyncio.run(publish(parser.parse_args()))


main()
