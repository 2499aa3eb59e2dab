"""What a playlist of HLS says beside its segments, which FFmpeg reads (RFC 8216)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

import av

_ANSWER = 5.0
"A server has so long to answer, s."
_MOST = 4_000_000
"Bytes; what is longer is no playlist."
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:\s*([\d.]+)", re.MULTILINE)
_VARIANT = re.compile(r"^#EXT-X-STREAM-INF:.*\n+(?:#.*\n+)*([^#\s].*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist at one moment."""

    text: str
    target: float
    "No segment is longer, s; 0 where that is not told."
    ended: bool
    "Nothing will be added to it."


def read_playlist(url: str) -> Playlist | None:
    """Fetch a playlist, the first variant of a master playlist; None where there is none to be had."""
    text = _fetch(url)
    variant = _VARIANT.search(text)
    if variant is not None:
        text = _fetch(urljoin(url, variant[1].strip()))
    if not text:
        return None
    target = _TARGET.search(text)
    return Playlist(text, float(target[1]) if target else 0.0, "#EXT-X-ENDLIST" in text)


def _fetch(url: str) -> str:
    """Read a playlist with FFmpeg's own client, which knows credentials and proxies; empty where it is none."""
    parts: list[bytes] = []
    try:
        with av.open(url, format="data", timeout=(_ANSWER, _ANSWER)) as file:
            for packet in file.demux(file.streams[0]):
                parts.append(bytes(packet))
                if not parts[0].lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U") or sum(map(len, parts)) > _MOST:
                    return ""
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return ""
    return b"".join(parts).decode(errors="replace").replace("\r\n", "\n")
