"""Private parts of aiortc and aioice: one module touches them, and the releases that have them are pinned."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PINNED = ("aiortc", "aioice")
HOOKS = "aiortc_hooks.py"
_OWN = ("self", "cls")
_PUBLIC = ("_replace", "_exit")
"Of named tuples and of os: documented, in spite of their names."


def private(source: str) -> Iterator[str]:
    """Yield what a module takes by a private name from anything but itself, and what its classes inherit from deps."""
    tree = ast.parse(source)
    from_deps = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "deps"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match("_(?!_.*__$)", node.attr) and node.attr not in _PUBLIC:
            if not (isinstance(node.value, ast.Name) and node.value.id in _OWN):
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # As in getattr(transport, "_connection") or a name that Python mangled.
            if re.fullmatch(r"_(?!_\w*__$)\w+|_[A-Z]\w*__\w+.*", node.value):
                yield repr(node.value)
        elif isinstance(node, ast.ClassDef):
            # A subclass has the private parts of its base as its own.
            yield from (f"{node.name}({ast.unparse(b)})" for b in node.bases if _root(b) in from_deps)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_one_module_alone_touches_private_parts() -> None:
    paths = sorted([*(ROOT / "stream/webrtc").rglob("*.py"), *(ROOT / "stream/web").rglob("*.py")])
    found = {path.name: sorted(set(private(path.read_text()))) for path in paths}
    hooks = found.pop(HOOKS)
    assert {name: uses for name, uses in found.items() if uses} == {}
    assert len(hooks) > 8


@pytest.mark.parametrize(
    "source",
    [
        "def f(connection):\n    return connection._protocols",
        "def f(self):\n    return self.receiver._send_rtcp_pli(1)",
        "def f(transport):\n    return getattr(transport, '_connection', None)",
        "def f(pc):\n    return vars(pc)['_RTCPeerConnection__configuration']",
        "from .deps import JitterBuffer\nclass A(JitterBuffer):\n    pass",
        "from .deps import aiortc\nclass A(aiortc.RTCRtpReceiver):\n    pass",
    ],
)
def test_the_check_sees_every_form_of_use(source: str) -> None:
    assert len(list(private(source))) == 1


def test_the_check_lets_own_parts_alone() -> None:
    assert list(private("class A:\n    def f(self):\n        return self._x, self.__class__, '__main__'")) == []


@pytest.mark.parametrize("package", PINNED)
def test_the_minor_release_is_pinned(package: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (wanted,) = [each for each in extras["webrtc"] if each.startswith(package)]
    major, minor = map(int, version(package).split(".")[:2])
    assert wanted == f"{package}>={major}.{minor},<{major}.{minor + 1}"
