"""What `truefeed watch` is told: by its options, and by a YAML file of several streams."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from .errors import ConfigError

ENGINES = ("auto", "cpu", "cuda", "tensorrt", "openvino")
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


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """One run of `truefeed watch`."""

    streams: tuple[StreamSettings, ...]
    engine: Engine = "auto"
    faces: str = "centerface"
    model: Path | None = None
    "Face model; None: the shipped one."
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


def probability(value: object) -> float:
    """Return value as a number of 0..1; raises ValueError."""
    return _number(value, 0.0, 1.0, "a probability from 0 to 1")


def seconds(value: object) -> float:
    """Return value as a positive number of seconds; raises ValueError."""
    number = _number(value, 0.0, 1e9, "a number of seconds above 0")
    if number == 0:
        raise ValueError("must be a number of seconds above 0, not 0")
    return number


def port(value: object) -> int:
    """Return value as a TCP port; raises ValueError."""
    number = _number(value, 0, 65535, "a port from 0 (any free one) to 65535")
    if number != int(number):
        raise ValueError(f"must be a port from 0 (any free one) to 65535, not {value!r}")
    return int(number)


def _number(value: object, low: float, high: float, what: str) -> float:
    try:
        number = float(cast(Any, value)) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        raise ValueError(f"must be {what}, not {value!r}")
    return number


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"must be a text, not {value!r}")
    return str(value)


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _choice(*allowed: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}, not {value!r}")
        return str(value)

    return convert


def _mic(value: object) -> str | None:
    if isinstance(value, bool):
        return "" if value else None
    return _text(value)


_STREAM: Mapping[str, Callable[[object], object]] = {
    "transport": _choice("tcp", "udp"),
    "audio": _switch,
    "mic": _mic,
    "pace": _choice("realtime", "fast"),
    "stall": seconds,
    "overlay": _text,
    "alert_at": probability,
    "clear_at": probability,
}
_TOP: Mapping[str, Callable[[object], object]] = {
    "engine": _choice(*ENGINES),
    "faces": _text,
    "model": lambda v: Path(_text(v)),
    "voice_model": lambda v: Path(_text(v)),
    "json": _switch,
    "seconds": seconds,
    "evidence": lambda v: Path(_text(v)),
    "webhook": _text,
    "metrics_port": port,
    "fail_on_alert": _switch,
}
STREAM_KEYS = frozenset(_STREAM)
"Settings that a stream may have on its own."


def build(sources: list[str], options: Mapping[str, Any], config: Path | None) -> WatchSettings:
    """Put the command line and the configuration file together.

    What a stream says beats `defaults`; the command line beats both.

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
        top, listed = _read(config)
    defaults = top.pop("defaults", {})
    own = {k: v for k, v in options.items() if k in STREAM_KEYS}
    streams = [{**defaults, **one, **own} for one in listed] + [{**defaults, "url": s, **own} for s in sources]
    if not streams and own.get("mic") is not None:
        streams = [{**own, "url": "mic:" + own["mic"], "mic": None}]
    if not streams:
        raise ConfigError("no SOURCE given: try `truefeed watch 0` for a camera, or `truefeed watch demo`")
    if own.get("mic") is not None and len(streams) > 1:
        raise ConfigError("--mic goes with one SOURCE; for several, name the microphone in the configuration file")
    settings = tuple(_checked(StreamSettings(**s)) for s in streams)
    return WatchSettings(_apart(settings), **{**top, **{k: v for k, v in options.items() if k not in STREAM_KEYS}})


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


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the settings of the whole run (with `defaults`) and those of each stream."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', None) or error})") from None
    if root is None:
        raise ConfigError(f"{path}: empty; it needs a list `streams`")
    parts = _mapping(path, root, {*_TOP, "defaults", "streams"})
    streams = parts.pop("streams", None)
    defaults = parts.pop("defaults", None)
    top = _values(path, parts, _TOP)
    if defaults is not None:
        top["defaults"] = _values(path, _mapping(path, defaults, _STREAM), _STREAM)
    if streams is None:
        return top, []
    if not isinstance(streams, yaml.SequenceNode):
        raise ConfigError(f"{path}, line {_line(streams)}: streams must be a list (lines starting with `-`)")
    return top, [_stream(path, node) for node in streams.value]


def _stream(path: Path, node: yaml.Node) -> dict[str, Any]:
    table = {"url": _text, "name": _text, **_STREAM}
    if isinstance(node, yaml.ScalarNode):
        return {"url": _values(path, {"url": node}, table)["url"]}
    found = _values(path, _mapping(path, node, table), table)
    if "url" not in found:
        raise ConfigError(f"{path}, line {_line(node)}: this stream has no `url`")
    return found


def _mapping(path: Path, node: yaml.Node, allowed: Mapping[str, object] | set[str]) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}, line {_line(node)}: expected `key: value` lines")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        # A person may write alert-at as on the command line.
        name = str(key.value).replace("-", "_")
        if name not in allowed:
            known = ", ".join(sorted(allowed))
            raise ConfigError(f"{path}, line {_line(key)}: unknown key {key.value!r}; known here: {known}")
        if name in found:
            raise ConfigError(f"{path}, line {_line(key)}: {key.value!r} is given twice")
        found[name] = value
    return found


def _values(
    path: Path, nodes: Mapping[str, yaml.Node], table: Mapping[str, Callable[[object], object]]
) -> dict[str, Any]:
    found = {}
    for name, node in nodes.items():
        value: object = yaml.SafeLoader("").construct_object(node, deep=True)
        try:
            found[name] = table[name](_filled(value) if isinstance(value, str) else value)
        except ValueError as error:
            raise ConfigError(f"{path}, line {_line(node)}: {name} {error}") from None
    return found


def _filled(text: str) -> str:
    """Replace `${NAME}` and `${NAME:-fallback}` by the environment's; `$${` stands for a plain `${`."""

    def value(match: re.Match[str]) -> str:
        if match["escape"]:
            return "${"
        found = os.environ.get(match["name"], match["fallback"])
        if found is None:
            raise ValueError(f"needs the environment variable {match['name']}, which is not set")
        return found

    return re.sub(r"(?P<escape>\$\$\{)|\$\{(?P<name>\w+)(?::-(?P<fallback>[^}]*))?\}", value, text)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
