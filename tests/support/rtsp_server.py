"""A real RTSP server for tests: gst-rtsp-server in a process of its own, fed with the packets of a media file.

Nothing is encoded again. The file is looped with timestamps that go on growing, as from a camera. `freeze` stops the
process (SIGSTOP), `kill` ends it (SIGKILL), `restart` starts it anew on the same port.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
"Where the distribution puts python3-gi; it serves a virtual environment of the same Python version too."
NS = 1_000_000_000


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def available() -> bool:
    """Say whether gst-rtsp-server can be used from this Python."""
    code = f"import sys; sys.path.append({DEBIAN_PACKAGES!r}); import gi; gi.require_version('GstRtspServer', '1.0')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


class RtspServer:
    """The handle that a test holds.

    Args:
        media: a file with H.264 video and, if wanted, AAC or Opus audio.
        user, password: ask for them; `scheme` is `basic` or `digest`.
        shared: all clients watch one and the same run of the media, so a later one joins between keyframes.
    """

    def __init__(
        self, media: Path, *, user: str = "", password: str = "", scheme: str = "basic", shared: bool = False
    ) -> None:
        self.port = free_port()
        self.user, self.password = user, password
        self._arguments = [str(media), str(self.port), user, password, scheme, "shared" if shared else "own"]
        self._process: subprocess.Popen[bytes] | None = None
        self.restart()

    @property
    def url(self) -> str:
        """The URL of the stream, with the credentials in it where there are any."""
        login = f"{self.user}:{self.password}@" if self.user else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/live"

    def restart(self, media: Path | None = None) -> None:
        """Start the server (again), with other media if wanted, and return when it listens."""
        self.kill()
        if media is not None:
            self._arguments[0] = str(media)
        self._process = subprocess.Popen([sys.executable, __file__, *self._arguments])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise RuntimeError("the RTSP test server did not start")

    def freeze(self) -> None:
        """Stop the process in its tracks: connections stay open and nothing is sent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once. May be called twice."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def __enter__(self) -> RtspServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()


def _packets(media: Path) -> Iterator[tuple[str, bytes, float, float, bool]]:
    """Yield (kind, bytes, pts s, dts s, keyframe) of the media for ever, timestamps growing from loop to loop."""
    import av
    from av.bitstream import BitStreamFilterContext

    base = 0.1  # encoder delay puts the first timestamps below 0, which GStreamer refuses
    while True:
        end = base
        with av.open(str(media)) as container:
            streams = _streams(container)
            annexb = BitStreamFilterContext("h264_mp4toannexb", streams["video"])
            for packet in container.demux(list(streams.values())):
                if packet.size == 0:
                    continue
                kind = packet.stream.type
                for part in annexb.filter(packet) if kind == "video" else [packet]:
                    tick = part.time_base
                    dts = base + float((part.dts if part.dts is not None else part.pts) * tick)
                    pts = base + float((part.pts if part.pts is not None else part.dts) * tick)
                    end = max(end, dts + float((part.duration or 1) * tick))
                    yield kind, bytes(part), pts, dts, part.is_keyframe
        base = end


def _streams(container: Any) -> dict[str, Any]:
    streams = {"video": container.streams.video[0]}
    if container.streams.audio:
        streams["audio"] = container.streams.audio[0]
    return streams


def _launch(media: Path) -> str:
    import av

    with av.open(str(media)) as container:
        streams = _streams(container)
        rate = streams["video"].average_rate or Fraction(25)
        line = (
            "( appsrc name=video is-live=true format=time caps=video/x-h264,stream-format=byte-stream,alignment=au,"
            f"framerate={rate.numerator}/{rate.denominator} ! h264parse config-interval=1 "
            "! rtph264pay name=pay0 pt=96 config-interval=1 "
        )
        if "audio" in streams:
            context = streams["audio"].codec_context
            if context.name == "aac":
                caps = (
                    f"audio/mpeg,mpegversion=4,stream-format=raw,channels={context.channels},rate={context.sample_rate},"
                    f"codec_data=(buffer){bytes(context.extradata).hex()}"
                )
                line += f"appsrc name=audio is-live=true format=time caps={caps} ! rtpmp4gpay name=pay1 pt=97 "
            else:
                caps = f"audio/x-opus,channel-mapping-family=0,channels={context.channels},rate=48000"
                line += f"appsrc name=audio is-live=true format=time caps={caps} ! rtpopuspay name=pay1 pt=97 "
        return line + ")"


def _feed(media: Path, sources: dict[str, Any], gst: Any) -> None:
    start = time.monotonic()
    if log := os.environ.get("RTSP_FEED_LOG"):  # benchmarks: packets are due at start + dts
        with Path(log).open("a") as file:
            file.write(f"{start}\n")
    for kind, data, pts, dts, keyframe in _packets(media):
        time.sleep(max(0.0, start + dts - time.monotonic()))
        buffer = gst.Buffer.new_wrapped(data)
        buffer.pts, buffer.dts = int(pts * NS), int(dts * NS)
        if kind == "video" and not keyframe:
            buffer.set_flags(gst.BufferFlags.DELTA_UNIT)
        if kind in sources and sources[kind].emit("push-buffer", buffer) != gst.FlowReturn.OK:
            return


def _serve(media: Path, port: int, user: str, password: str, scheme: str, shared: bool) -> None:
    sys.path.append(DEBIAN_PACKAGES)
    import gi

    for name in ("Gst", "GstRtsp", "GstRtspServer"):
        gi.require_version(name, "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_launch(media))
    factory.set_shared(shared)

    def configure(_factory: Any, made: Any) -> None:
        top = made.get_element()
        sources = {name: found for name in ("video", "audio") if (found := top.get_by_name(name)) is not None}
        threading.Thread(target=_feed, args=(media, sources, Gst), daemon=True).start()

    factory.connect("media-configure", configure)
    if user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if scheme == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for argument in ("media", "port", "user", "password", "scheme", "sharing"):
        parser.add_argument(argument)
    given = parser.parse_args()
    _serve(
        Path(given.media), int(given.port), given.user, given.password, given.scheme, shared=given.sharing == "shared"
    )
