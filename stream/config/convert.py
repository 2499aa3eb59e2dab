"""What the value of an option may be, on the command line and in a file alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

_SWITCHES = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False)


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


def processes(value: object) -> int:
    """Return value as a number of processes; raises ValueError."""
    text = str(value)
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise ValueError(f"must be a number from 1 to 64, not {text!r}")
    return int(text)


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


def texts(value: object) -> tuple[str, ...]:
    """Return one text or several; raises ValueError."""
    return tuple(text(one) for one in (value if isinstance(value, list | tuple) else [value]))


def switch(value: object) -> bool:
    """Return what a word without quotes stands for; raises ValueError."""
    known = _SWITCHES.get(value.lower()) if isinstance(value, Written) and value.plain else None
    if known is None:
        raise ValueError(f"must be true or false, not {value!r}")
    return known


class Choice:
    """One of the words of a Literal."""

    def __init__(self, literal: object) -> None:
        self.allowed: tuple[str, ...] = get_args(literal)

    def __call__(self, value: object) -> str:
        """Return value; raises ValueError."""
        if value not in self.allowed:
            raise ValueError(f"must be {' or '.join(self.allowed)}, not {value!r}")
        return str(value)


def microphone(value: object) -> str | None:
    """Return a microphone's name, empty for the default one, None for none; raises ValueError."""
    if isinstance(value, Written) and value.plain and value.lower() in _SWITCHES:
        return "" if _SWITCHES[value.lower()] else None
    return text(value)
