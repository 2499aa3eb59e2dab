"""What a word of the command line names: a source of frames and audio, or a room whose participants are sources."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from av.format import formats_available

from .errors import SourceError, SourceNotFoundError
from .redaction import displayable, public_name
from .sources.base import Source, SourceOptions
from .sources.file import FileSource
from .sources.libav import AvSource, knows_protocol, rtsp, v4l2
from .sources.loopback import open_loopback
from .sources.microphone import Microphone, MicrophoneSource
from .sources.opencv import camera
from .sources.rtmp import RtmpSource
from .sources.screen import is_screen, screen
from .sources.web import WebSource
from .sources.with_microphone import DubbedSource
from .sources.x11grab import X11GrabSource

if TYPE_CHECKING:
    from .webrtc.janus import JanusRoom
    from .webrtc.livekit import LiveKitRoom

DEMO = Path(__file__).parent / "assets" / "demo.mp4"
"A short clip with a genuine and a manipulated stretch."
_WEB_FILES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mp3", ".m4a", ".wav", ".ogg", ".opus", ".flac"}
_FORMATS = {name for names in formats_available for name in names.split(",")}


def open_source(spec: str, options: SourceOptions | None = None) -> Source:
    """Return the source that a word of the command line names; it is opened only when its items are asked for.

    Args:
        spec: a camera number, `/dev/videoN`, `rtsp://...` or another URL that PyAV reads, a file, `screen` or
            `screen:PART`, `rtmp+listen://HOST:PORT/APP/KEY` for what is pushed to us, `mic` or `mic:DEVICE` for sound
            alone, `FORMAT:ARGUMENT` of PyAV (such as `lavfi:testsrc,realtime`), or `demo`.
        options: how to open it; with `mic` its sound comes from there.

    Raises:
        SourceError: the word names nothing that could be opened.
    """
    options = options or SourceOptions()
    silent = replace(options, audio=False, mic=None)
    if options.mic is not None and options.audio and not _is_microphone(spec):
        return DubbedSource(_open(spec, silent), partial(Microphone, options.mic))
    if options.audio and is_screen(spec):
        return DubbedSource(_open(spec, silent), open_loopback, needed=False)
    return _open(spec, options)


def _is_microphone(spec: str) -> bool:
    return spec == "mic" or spec.startswith("mic:")


def _open(spec: str, options: SourceOptions) -> Source:
    if spec == "demo":
        return FileSource(DEMO, options, name="demo")
    if spec.isdecimal():
        return camera(int(spec), options)
    if device := re.fullmatch(r"(?:v4l2:)?(/dev/video\d+)", spec):
        return v4l2(device[1], options)
    if _is_microphone(spec):
        return MicrophoneSource(spec[4:], options)
    if is_screen(spec):
        return screen(spec, options)
    scheme, colon, rest = spec.partition(":")
    if rest.startswith("//"):
        return _open_url(spec, scheme.lower(), options)
    if colon and scheme == "x11grab":
        return X11GrabSource(public_name(spec), rest, options)
    if colon and scheme in _FORMATS and not _exists(spec):
        return AvSource(public_name(spec), rest, options, format=scheme)
    if not spec or not _exists(spec):
        known = "a camera number, rtsp://..., a file or demo"
        raise SourceNotFoundError(f"{public_name(spec) or 'empty source'}: no such file; a source is {known}")
    return FileSource(Path(spec), options)


def _exists(path: str) -> bool:
    """Tell whether there is such a file. Raises SourceError where no file can be called so."""
    try:
        return Path(path).exists()
    except OSError as error:
        raise SourceNotFoundError(f"{displayable(path)}: {(error.strerror or 'no such file').lower()}") from None


def _open_url(url: str, scheme: str, options: SourceOptions) -> Source:
    url = scheme + url[len(scheme) :]  # FFmpeg knows RTSP:// in small letters only
    if not _sound(url):
        raise SourceError(f"{public_name(url)}: write / ? # and @ of a user name or password as %2F %3F %23 and %40")
    if scheme in ("rtsp", "rtsps"):
        return rtsp(url, options)
    if scheme == "rtmp+listen":
        return RtmpSource(url, options)
    if scheme in ("whep+https", "whep+http"):
        from .webrtc.whep import WhepSource

        return WhepSource(url, options)
    if scheme == "file":
        return FileSource(Path(url.removeprefix("file://")), options)
    if scheme in ("http", "https") and Path(urlsplit(url).path).suffix.lower() in _WEB_FILES:
        return FileSource(url, options)
    if scheme in ("http", "https"):
        return WebSource(url, options)
    if not knows_protocol(scheme):
        raise SourceError(
            f"{public_name(url)}: the FFmpeg that PyAV brings has no {scheme}://; let a relay take it, such as "
            "MediaMTX for SRT, and watch the relay's rtsp:// address (docs/sources.md)"
        )
    return AvSource(public_name(url), url, options, resumable=False)


def _sound(url: str) -> bool:
    """Tell whether what stands where a port is looked for is one; with `user:pass/word@host` half a password is."""
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def open_room(url: str, options: SourceOptions, title: str) -> JanusRoom | LiveKitRoom | None:
    """Return the room that a URL names; None where it is none.

    Args:
        url: `janus+ws://HOST:PORT/?room=NUMBER` or `livekit+wss://HOST/ROOM`.
        options: for each participant.
        title: under which truefeed is seen in the room.

    Raises:
        TruefeedError: a room that can't be entered as it is written.
    """
    scheme = url.partition(":")[0].lower()
    if scheme in ("janus+ws", "janus+wss"):
        from .webrtc.janus import JanusRoom

        return JanusRoom(url, options, title)
    if scheme in ("livekit+ws", "livekit+wss"):
        from .webrtc.livekit import LiveKitRoom

        return LiveKitRoom(url, options, title)
    return None
