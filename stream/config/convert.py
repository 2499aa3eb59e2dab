"""What each setting of `truefeed watch` may be, on the command line and in a file alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

_SWITCHES = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False)
ENGINES = ("auto", "cpu", "cuda", "tensorrt", "openvino")


class Written(str):
    """A scalar as it stands in the file."""

    __slots__ = ("plain",)
    plain: bool
    "Without quotes, so that it may also stand for true or false."

    @classmethod
    def of(cls, value: str, *, plain: bool) -> Written:
        """Return value, marked."""
        written = cls(value)
        written.plain = plain
        return written


def probability(value: object) -> float:
    """Return value as a number of 0..1; raises ValueError."""
    return _number(value, 0.0, 1.0, "a probability from 0 to 1")


def seconds(value: object) -> float:
    """Return value as a positive number of seconds; raises ValueError."""
    number = _number(value, 0.0, 1e9, "a number of seconds above 0")
    if number == 0:
        raise ValueError("must be a number of seconds above 0, not 0")
    return number


def days(value: object) -> float:
    """Return value as a number of days; raises ValueError."""
    return _number(value, 0.0, 3650.0, "a number of days from 0 to 3650")


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


def text(value: object) -> str:
    """Return value as a text that is not empty; raises ValueError, which does not quote it: it may be a secret."""
    if not isinstance(value, str) or value == "":
        raise ValueError("must be a text, not " + ("an empty one" if value == "" else "a list"))
    return str(value)


def path(value: object) -> Path:
    """Return value as a path, `~` standing for the home folder; raises ValueError."""
    try:
        return Path(text(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"must be a path, and there is no home folder for {value!r}") from None


def word(value: object) -> str:
    """Return value as a text that may name a file, `~` then standing for the home folder; raises ValueError."""
    found = text(value)
    return str(path(found)) if found.startswith("~") else found


def _switch(value: object) -> bool:
    known = _SWITCHES.get(value.lower()) if isinstance(value, Written) and value.plain else None
    if known is None:
        raise ValueError(f"must be true or false, not {value!r}")
    return known


def _choice(*allowed: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}, not {value!r}")
        return str(value)

    return convert


def _mic(value: object) -> str | None:
    if isinstance(value, Written) and value.plain and value.lower() in _SWITCHES:
        return "" if _SWITCHES[value.lower()] else None
    return text(value)


STREAM: Mapping[str, Callable[[object], object]] = {
    "transport": _choice("tcp", "udp"),
    "audio": _switch,
    "mic": _mic,
    "pace": _choice("realtime", "fast"),
    "stall": seconds,
    "overlay": word,
    "alert_at": probability,
    "clear_at": probability,
    "token": text,
    "ice_server": lambda v: tuple(text(one) for one in (v if isinstance(v, list | tuple) else [v])),
    "relay_only": _switch,
    "title": text,
}
"The settings that a stream may have on its own: what turns a value into each, raising ValueError."
TOP: Mapping[str, Callable[[object], object]] = {
    "engine": _choice(*ENGINES),
    "faces": text,
    "model": path,
    "voice_model": path,
    "json": _switch,
    "seconds": seconds,
    "evidence": path,
    "webhook": text,
    "metrics_port": port,
    "fail_on_alert": _switch,
}
"The settings of the whole run, likewise."
