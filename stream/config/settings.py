"""What `watch` and `serve` are told of sources, alarms and output, and every command of its models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .convert import Choice, microphone, path, port, probability, seconds, switch, texts, word
from .option import option

Engine = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Pace = Literal["realtime", "fast"]
Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which models judge, and what runs them."""

    engine: Engine = option("auto", "what runs the models (default auto)", Choice(Engine))
    faces: str = option(
        "centerface", "face detector: centerface (default) or insightface[:MODEL] with your own model", metavar="NAME"
    )
    model: Path | None = option(None, "face model: fast (default), or a file or folder of your own", path, "NAME|FILE")
    voice_model: Path | None = option(
        None, "fast or accurate (default), or a file or folder of your own", path, "NAME|FILE"
    )


@dataclass(frozen=True, slots=True)
class ReportSettings(ModelSettings):
    """One run of `truefeed bench` or `truefeed doctor`."""

    json: bool = option(False, "print one JSON object on stdout", switch)


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """One stream to watch."""

    url: str
    "Camera number, device, URL, file or `demo`."
    name: str | None = None
    "What it is called in the output; None: the URL with credentials removed."
    transport: Transport = option("tcp", "how RTSP brings its packets (default tcp)", Choice(Transport))
    audio: bool = option(True, "leave the sound of the source alone", switch, flags=("--no-audio",))
    mic: str | None = option(
        None,
        "take the sound from a microphone, by name or number (none named: the default one)",
        microphone,
        "DEVICE",
        more={"nargs": "?", "const": ""},
    )
    "Empty for the default one; None for no microphone."
    pace: Pace = option("realtime", "files: as they were recorded (default) or as fast as possible", Choice(Pace))
    stall: float = option(3.0, "no frame for so long: open it anew (default 3)", seconds, "SECONDS")
    "s"
    overlay: str = option(
        "none",
        "draw the verdicts: in a window, over the screen itself (source `screen`), into a video file (several sources: "
        "one file each), or not (default)",
        word,
        "window|screen|FILE|none",
    )
    alert_at: float | None = option(None, "probability that raises it (default: the model's)", probability, "P")
    clear_at: float | None = option(None, "probability that clears it (default: the model's)", probability, "P")
    token: str | None = option(
        None, "what the server asks for (better: in the variable TRUEFEED_TOKEN)", metavar="TOKEN", secret=True
    )
    ice_server: tuple[str, ...] = option(
        (),
        "stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT[?transport=tcp]; may be given again (default: none)",
        texts,
        "URL",
    )
    relay_only: bool = option(False, "go through the TURN servers and in no other way", switch)
    title: str = option("truefeed (monitoring)", "under which a WebRTC room sees this peer")
    evidence: Path | None = None
    "Where the evidence of its alerts is kept; None: where that of the whole run is."


@dataclass(frozen=True, slots=True)
class WatchSettings(ModelSettings):
    """One run of `truefeed watch`."""

    streams: tuple[StreamSettings, ...] = ()
    json: bool = option(False, "print events as JSON lines on stdout", switch)
    seconds: float | None = option(None, "stop after so long", seconds, "N")
    "Clock for a live source, media time for a file, s."
    evidence: Path | None = option(None, "keep a still, a clip and the scores of each alert", path, "DIR")
    webhook: str | None = option(None, "POST each alert there as JSON", metavar="URL")
    metrics_port: int | None = option(None, "serve Prometheus /metrics and /healthz on this port", port, "N")
    fail_on_alert: bool = option(False, "exit with 3 where an alert was raised", switch)
    verbosity: int = 0
    "-1 quiet, 0 normal, 1 verbose."
