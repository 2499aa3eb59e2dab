"""A YAML file as it is written: its scalars as text, its tags, aliases and merge keys without surprises.

YAML 1.1 would read `0012345670` as an octal number, `12:30` as a sexagesimal one and `2026-13-45` as a broken date.
Here a scalar is the text that stands in the file, and the setting that it is given to decides what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from ..errors import ConfigError
from .convert import Written

_CORE = "tag:yaml.org,2002:"
_SCALARS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value")}
_MERGE = _CORE + "merge"


def compose(path: Path) -> yaml.Node | None:
    """Return the root of a file, None where it is empty. Raises ConfigError, with the line."""
    try:
        written = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    try:
        return yaml.compose(written, Loader=yaml.SafeLoader)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        number = mark.line + 1 if mark else written.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise ConfigError(f"{path}, line {number}: not valid YAML ({why})") from None


def mapping(path: Path, node: yaml.Node, allowed: Mapping[str, object] | set[str]) -> dict[str, yaml.Node]:
    """Return the values of a mapping by key, `-` in a key read as `_`; what it merges (`<<: *base`) comes first.

    Raises ConfigError for an unknown key, one that is given twice, and anything but a mapping.
    """
    return _merged(path, node, allowed, ())


def _merged(
    path: Path, node: yaml.Node, allowed: Mapping[str, object] | set[str], within: tuple[yaml.Node, ...]
) -> dict[str, yaml.Node]:
    if any(node is outer for outer in within):
        raise fault(path, node, "merges itself")
    if not isinstance(node, yaml.MappingNode) or node.tag != _CORE + "map":
        raise fault(path, node, "expected `key: value` lines")
    base: dict[str, yaml.Node] = {}
    own: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            # As YAML has it: of several, the earlier one wins.
            for one in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                base |= _merged(path, one, allowed, (*within, node))
            continue
        # A person may write alert-at as on the command line.
        name = str(key.value).replace("-", "_") if isinstance(key, yaml.ScalarNode) else ""
        if name not in allowed:
            known = ", ".join(sorted(allowed))
            shown = repr(key.value) if name else "that is no word"
            raise fault(path, key, f"unknown key {shown}; known here: {known}")
        if name in own:
            raise fault(path, key, f"{key.value!r} is given twice")
        own[name] = value
    return base | own


def value(path: Path, node: yaml.Node) -> Written | list[Written] | None:
    """Return a scalar, or a list of scalars, as written; None for an empty one or `null`. Raises ConfigError."""
    if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
        return [_scalar(path, item) for item in node.value]
    if isinstance(node, yaml.ScalarNode) and node.tag == _CORE + "null":
        return None
    return _scalar(path, node)


def _scalar(path: Path, node: yaml.Node) -> Written:
    if not node.tag.startswith(_CORE):
        raise fault(path, node, f"the tag {node.tag} is not known here; put a text that begins with ! in quotes")
    if not isinstance(node, yaml.ScalarNode):
        raise fault(path, node, "expected a single value")
    if node.tag not in _SCALARS:
        raise fault(path, node, f"the tag !!{node.tag.removeprefix(_CORE)} is not known here")
    return Written.of(node.value, plain=node.style is None)


def fault(path: Path, node: yaml.Node, what: str) -> ConfigError:
    """Return the error that names file and line."""
    return ConfigError(f"{path}, line {node.start_mark.line + 1}: {what}")
