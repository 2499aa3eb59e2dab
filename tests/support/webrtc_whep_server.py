"""A program that gives a clip to whoever asks by WHEP, for tests. Prints a JSON line for what happens."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import aiortc
from aiohttp import web
from aiortc.contrib.media import MediaPlayer


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def subscribe(request: web.Request) -> web.Response:
    if request.app["token"] and request.headers.get("Authorization") != f"Bearer {request.app['token']}":
        return web.Response(status=401)
    if request.match_info["name"] == "hollow":
        return web.Response(status=201, text="v=0 and no more", content_type="application/sdp")
    if request.match_info["name"] != "live":
        return web.Response(status=404)
    pc = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    player = MediaPlayer(request.app["clip"])
    await pc.setRemoteDescription(aiortc.RTCSessionDescription(await request.text(), "offer"))
    for transceiver in pc.getTransceivers():
        transceiver.direction = "sendonly"
        transceiver.sender.replaceTrack(player.video if transceiver.kind == "video" else player.audio)
    await pc.setLocalDescription(await pc.createAnswer())
    key = str(len(request.app["peers"]))
    request.app["peers"][key] = pc, player
    say(subscribed=key)
    headers = {"Location": f"/session/{key}"}
    return web.Response(status=201, text=pc.localDescription.sdp, content_type="application/sdp", headers=headers)


async def leave(request: web.Request) -> web.Response:
    pc, _ = request.app["peers"][request.match_info["key"]]
    await pc.close()
    say(left=request.match_info["key"])
    return web.Response()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("port", type=int)
    parser.add_argument("--token")
    args = parser.parse_args()
    app = web.Application()
    for name, value in (("clip", args.clip), ("token", args.token), ("peers", {})):
        app[name] = value  # type: ignore[index]
    app.add_routes([web.post("/whep/{name}", subscribe), web.delete("/session/{key}", leave)])
    web.run_app(app, host="127.0.0.1", port=args.port, print=lambda text: say(ready=True))


main()
