"""One declaration for each option: a field of a settings class, of which command line and YAML file are made.

`commands/options` makes the arguments of a command of it, `yaml_file` the keys of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar, cast

from .convert import text

T = TypeVar("T")
Convert: TypeAlias = Callable[[object], object]
"From what was written to the value of the field; raises ValueError, whose text goes on from the option's name."


@dataclass(frozen=True, slots=True)
class Option:
    """How a field is given."""

    help: str
    "What the command line says of it."
    convert: Convert = text
    metavar: str | None = None
    flags: tuple[str, ...] = ()
    "On the command line; none: `--` and the field's name. A switch named `--no-` turns off."
    more: Mapping[str, Any] = field(default_factory=dict)
    "What else `ArgumentParser.add_argument` is told."


def option(default: T, *how: Any, secret: bool = False, **more: Any) -> T:  # noqa: ANN401
    """Return a dataclass field; `how` and `more` are what its Option is made of, and a secret one has no repr."""
    made: T = field(default=default, repr=not secret, metadata={"option": Option(*how, **more)})
    return made


def options(*settings: type) -> dict[str, Option]:
    """Return the options of settings classes by field, in the order in which they are declared."""
    return {f.name: f.metadata["option"] for kind in settings for f in fields(kind) if "option" in f.metadata}


def of(settings: type[T], values: Mapping[str, Any]) -> T:
    """Return settings of those of the values that are theirs; the others are at their defaults."""
    return settings(**{f.name: values[f.name] for f in fields(cast(Any, settings)) if f.name in values})
