"""The YAML file of `truefeed watch --config`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..redaction import displayable, redact
from .convert import Written, text, word
from .option import Option, options
from .settings import StreamSettings, WatchSettings
from .yaml_nodes import compose, fault, mapping, value

_STREAM, _RUN = options(StreamSettings), options(WatchSettings)


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the settings of the whole run (with `defaults`) and those of each stream.

    Keys of the top that begin with `x-` are for anchors, and not read.

    Raises:
        ConfigError: the file cannot be read, or holds an unknown key or a wrong value; the text names the line.
    """
    root = compose(path)
    if root is None:
        raise ConfigError(f"{path}: empty; it needs a list `streams`")
    parts = mapping(path, _without_anchors(root), {*_RUN, "defaults", "streams"})
    streams = parts.pop("streams", None)
    defaults = parts.pop("defaults", None)
    top = _values(path, parts, _RUN)
    if defaults is not None:
        top["defaults"] = _values(path, mapping(path, defaults, _STREAM), _STREAM)
    if streams is None:
        return top, []
    if not isinstance(streams, yaml.SequenceNode):
        raise fault(path, streams, "streams must be a list (lines starting with `-`)")
    return top, [_stream(path, node) for node in streams.value]


def _without_anchors(root: yaml.Node) -> yaml.Node:
    if isinstance(root, yaml.MappingNode):
        root.value = [pair for pair in root.value if not str(pair[0].value).startswith("x-")]
    return root


def _stream(path: Path, node: yaml.Node) -> dict[str, Any]:
    table = {"url": Option("", word), "name": Option("", lambda v: displayable(redact(text(v)))), **_STREAM}
    if isinstance(node, yaml.ScalarNode):
        return {"url": _values(path, {"url": node}, table)["url"]}
    found = _values(path, mapping(path, node, table), table)
    if "url" not in found:
        raise fault(path, node, "this stream has no `url`")
    return found


def _values(path: Path, nodes: Mapping[str, yaml.Node], table: Mapping[str, Option]) -> dict[str, Any]:
    found = {}
    for name, node in nodes.items():
        written = value(path, node)
        try:
            if written is None:
                raise ValueError("has no value")
            found[name] = table[name].convert(_filled(written) if isinstance(written, Written) else written)
        except ValueError as error:
            raise fault(path, node, f"{name} {error}") from None
    return found


def _filled(value: Written) -> Written:
    """Replace `${NAME}` and `${NAME:-fallback}` by the environment's; `$${` stands for a plain `${`."""

    def found(match: re.Match[str]) -> str:
        if match["escape"]:
            return "${"
        known = os.environ.get(match["name"], match["fallback"])
        if known is None:
            raise ValueError(f"needs the environment variable {match['name']}, which is not set")
        return known

    filled = re.sub(r"(?P<escape>\$\$\{)|\$\{(?P<name>\w+)(?::-(?P<fallback>[^}]*))?\}", found, value)
    return Written.of(filled, plain=value.plain)
