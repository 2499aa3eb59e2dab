"""What `truefeed watch` is told: by its options, and by a YAML file of several streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError
from .convert import STREAM
from .tokens import with_tokens
from .yaml_file import read

Engine = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream to watch."""

    url: str
    "Camera number, device, URL, file or `demo`."
    name: str | None = None
    "What it is called in the output; None: the URL with credentials removed."
    transport: Literal["tcp", "udp"] = "tcp"
    audio: bool = True
    mic: str | None = None
    "A microphone to use as its sound: a name or number, empty for the default one; None for no microphone."
    pace: Literal["realtime", "fast"] = "realtime"
    stall: float = 3.0
    "Without a frame for so long, the source is opened anew, s."
    overlay: str = "none"
    "`window`, `none` or a video file to write."
    alert_at: float | None = None
    "Probability that raises an alarm; None: what the model's card says."
    clear_at: float | None = None
    "Probability that clears it; None: what the model's card says."
    token: str | None = field(default=None, repr=False)
    "What its WebRTC server asks for."
    ice_server: tuple[str, ...] = ()
    "STUN and TURN servers for WebRTC."
    relay_only: bool = False
    "Whether WebRTC goes through the TURN servers and in no other way."
    title: str = "truefeed (monitoring)"
    "Under which a WebRTC room sees this peer."
    evidence: Path | None = None
    "Where the evidence of its alerts is kept; None: where that of the whole run is."


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """One run of `truefeed watch`."""

    streams: tuple[StreamSettings, ...]
    engine: Engine = "auto"
    faces: str = "centerface"
    model: Path | None = None
    "Face model: `fast`, a file or a folder; None: `fast`."
    voice_model: Path | None = None
    json: bool = False
    seconds: float | None = None
    "Stop after so long: clock for a live source, media time for a file, s."
    evidence: Path | None = None
    webhook: str | None = None
    metrics_port: int | None = None
    fail_on_alert: bool = False
    verbosity: int = 0
    "-1 quiet, 0 normal, 1 verbose."


def build(sources: list[str], options: Mapping[str, Any], config: Path | None) -> WatchSettings:
    """Put the command line and the configuration file together.

    What a stream says beats `defaults`; the command line beats both, but for tokens (see `tokens`).

    Args:
        sources: named on the command line; they come after those of the file.
        options: by field name of StreamSettings or WatchSettings, only what was given.
        config: the YAML file.

    Raises:
        ConfigError: an unknown key, a wrong value, a missing variable, no stream at all, or clear_at above alert_at.
    """
    top: dict[str, Any] = {}
    listed: list[dict[str, Any]] = []
    if config is not None:
        top, listed = read(config)
    defaults = top.pop("defaults", {})
    own = {k: v for k, v in options.items() if k in STREAM}
    token, default = own.pop("token", None), defaults.pop("token", None)
    streams = [{**defaults, **one, **own} for one in listed] + [{**defaults, "url": s, **own} for s in sources]
    if not streams and own.get("mic") is not None:
        streams = [{**own, "url": "mic:" + own["mic"], "mic": None}]
    if not streams:
        raise ConfigError("no SOURCE given: try `truefeed watch 0` for a camera, or `truefeed watch demo`")
    if own.get("mic") is not None and len(streams) > 1:
        raise ConfigError("--mic goes with one SOURCE; for several, name the microphone in the configuration file")
    settings = tuple(_checked(StreamSettings(**s)) for s in with_tokens(streams, token, default))
    return WatchSettings(_apart(settings), **{**top, **{k: v for k, v in options.items() if k not in STREAM}})


def _checked(stream: StreamSettings) -> StreamSettings:
    if stream.alert_at is not None and stream.clear_at is not None and stream.clear_at > stream.alert_at:
        raise ConfigError(f"clear-at ({stream.clear_at}) must not be above alert-at ({stream.alert_at})")
    drawn, source = Path(stream.overlay), Path(stream.url)
    if drawn.exists() and source.exists() and drawn.samefile(source):
        raise ConfigError(f"overlay {stream.overlay}: this is the source itself; name another file")
    return stream


def _apart(streams: tuple[StreamSettings, ...]) -> tuple[StreamSettings, ...]:
    """Refuse two streams of one name: nobody could tell their lines apart."""
    names = [s.name for s in streams if s.name is not None]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"two streams are named {twice[0]!r}: give each its own name")
    return streams
