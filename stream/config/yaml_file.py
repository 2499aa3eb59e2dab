"""The YAML file of `truefeed watch --config`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..redaction import displayable, redact
from .convert import STREAM, TOP, text


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the settings of the whole run (with `defaults`) and those of each stream.

    Raises:
        ConfigError: the file cannot be read, or holds an unknown key or a wrong value; the text names the line.
    """
    try:
        written = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    try:
        root = yaml.compose(written, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', None) or error})") from None
    if root is None:
        raise ConfigError(f"{path}: empty; it needs a list `streams`")
    parts = _mapping(path, root, {*TOP, "defaults", "streams"})
    streams = parts.pop("streams", None)
    defaults = parts.pop("defaults", None)
    top = _values(path, parts, TOP)
    if defaults is not None:
        top["defaults"] = _values(path, _mapping(path, defaults, STREAM), STREAM)
    if streams is None:
        return top, []
    if not isinstance(streams, yaml.SequenceNode):
        raise ConfigError(f"{path}, line {_line(streams)}: streams must be a list (lines starting with `-`)")
    return top, [_stream(path, node) for node in streams.value]


def _stream(path: Path, node: yaml.Node) -> dict[str, Any]:
    table = {"url": text, "name": lambda v: displayable(redact(text(v))), **STREAM}
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


def _filled(value: str) -> str:
    """Replace `${NAME}` and `${NAME:-fallback}` by the environment's; `$${` stands for a plain `${`."""

    def found(match: re.Match[str]) -> str:
        if match["escape"]:
            return "${"
        known = os.environ.get(match["name"], match["fallback"])
        if known is None:
            raise ValueError(f"needs the environment variable {match['name']}, which is not set")
        return known

    return re.sub(r"(?P<escape>\$\$\{)|\$\{(?P<name>\w+)(?::-(?P<fallback>[^}]*))?\}", found, value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
