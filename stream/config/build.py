"""The settings of a run, of what its command line and its configuration file say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .option import of
from .option import options as declared
from .settings import StreamSettings, WatchSettings
from .tokens import with_tokens
from .yaml_file import read

_STREAM = declared(StreamSettings)


def build(sources: list[str], options: Mapping[str, Any], config: Path | None) -> WatchSettings:
    """Put the command line and the configuration file together.

    What a stream says beats `defaults`; the command line beats both, but for tokens (see `tokens`).

    Args:
        sources: named on the command line; they come after those of the file.
        options: by field name of StreamSettings or WatchSettings, only what was given; others are left alone.
        config: the YAML file.

    Raises:
        ConfigError: an unknown key, a wrong value, a missing variable, no stream at all, or clear_at above alert_at.
    """
    top: dict[str, Any] = {}
    listed: list[dict[str, Any]] = []
    if config is not None:
        top, listed = read(config)
    defaults = top.pop("defaults", {})
    own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k in _STREAM}
    token, default = own.pop("token", None), defaults.pop("token", None)
    streams = [{**defaults, **one, **own} for one in listed] + [{**defaults, "url": s, **own} for s in sources]
    if not streams and own.get("mic") is not None:
        streams = [{**own, "url": "mic:" + own["mic"], "mic": None}]
    if not streams:
        raise ConfigError("no SOURCE given: try `truefeed watch 0` for a camera, or `truefeed watch demo`")
    if own.get("mic") is not None and len(streams) > 1:
        raise ConfigError("--mic goes with one SOURCE; for several, name the microphone in the configuration file")
    settings = tuple(_checked(StreamSettings(**s)) for s in with_tokens(streams, token, default))
    return of(WatchSettings, {**top, **options, "streams": _apart(settings)})


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
