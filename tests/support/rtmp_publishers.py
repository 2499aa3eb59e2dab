"""Real RTMP publishers for tests: ffmpeg, librtmp, which OBS publishes with (by GStreamer's rtmpsink), and PyAV.

Run as a program, it is one of the latter two: librtmp|pyav FILE URL.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from truefeed.stream.sources.rtmp.amf0 import encode
from truefeed.stream.sources.rtmp.chunks import Kind, pack

DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
OBS = ("-rtmp_flashver", "FMLE/3.0 (compatible; obs-studio/30.2; FMSc/1.0)", "-flvflags", "no_duration_filesize")
"How OBS presents itself, and its one setting of the FLV muxer."


def ffmpeg(media: Path, url: str, *options: str, sound: tuple[str, ...] = ("-c:a", "aac")) -> subprocess.Popen[str]:
    """Publish a file in its own time, its pictures as they are."""
    before = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(media)]
    return _started([*before, "-c:v", "copy", *sound, *options, "-f", "flv", url])


def librtmp(media: Path, url: str) -> subprocess.Popen[str]:
    """Publish a file of H.264 and AAC once, in its own time."""
    return _started([sys.executable, __file__, "librtmp", str(media), url])


def pyav(media: Path, url: str) -> subprocess.Popen[str]:
    """Publish the pictures of a file at once; its FFmpeg, newer than Debian's, knows Enhanced RTMP (H.265)."""
    return _started([sys.executable, __file__, "pyav", str(media), url])


class ByHand:
    """A publisher that sends the messages it is told to, made of the tags of an FLV file (in chunks of 4096 bytes).

    Args:
        port: of 127.0.0.1.
        app, key: what it asks for.
    """

    def __init__(self, port: int, app: str, key: str) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.sendall(b"\x03" + bytes(3072))
        self._connection.sendall(pack(Kind.COMMAND, encode("connect", 1, {"app": app})))
        self._connection.sendall(pack(Kind.COMMAND, encode("publish", 2, None, key, "live"), stream=1))
        self._connection.sendall(pack(Kind.CHUNK_SIZE, (4096).to_bytes(4, "big")))

    def send(self, kind: int, body: bytes, t: int) -> None:
        """Send one message of time t, ms."""
        stamp = t.to_bytes(3, "big")
        header = bytes((4,)) + stamp + len(body).to_bytes(3, "big") + bytes((kind,)) + (1).to_bytes(4, "little")
        parts = [body[at : at + 4096] for at in range(0, len(body), 4096)]
        self._connection.sendall(header + b"\xc4".join(parts))

    def close(self) -> None:
        """Hang up once everything was read: what is closed with an answer unread takes back what was sent."""
        self._connection.shutdown(socket.SHUT_WR)
        self._connection.settimeout(20)
        while self._connection.recv(65536):
            pass
        self._connection.close()


def tags(flv: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, time in ms and body of the tags of a file."""
    data, at = flv.read_bytes(), 13
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        t = int.from_bytes(data[at + 4 : at + 7], "big")
        yield data[at], t, data[at + 11 : at + 11 + size]
        at += size + 15


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def told(publisher: subprocess.Popen[str], timeout: float = 15.0) -> str:
    """Return what a publisher that fails says about it."""
    _, text = publisher.communicate(timeout=timeout)
    return text


def _publish_with_pyav(media: str, url: str) -> None:
    import av

    with av.open(media) as source, av.open(url, "w", format="flv") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


def _publish_with_librtmp(media: str, url: str) -> None:
    sys.path.append(DEBIAN_PACKAGES)
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"filesrc location={media} ! qtdemux name=d  flvmux name=m streamable=true ! rtmpsink location={url} sync=true "
        "d.video_0 ! queue ! h264parse ! m.  d.audio_0 ! queue ! aacparse ! m."
    )
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type == Gst.MessageType.ERROR:
        sys.exit("failed" if message is None else message.parse_error()[0].message)


if __name__ == "__main__":
    publish = _publish_with_pyav if sys.argv[1] == "pyav" else _publish_with_librtmp
    publish(*sys.argv[2:])
