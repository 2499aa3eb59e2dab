"""Every public function on arrays names their shape in its docstring, and every one on a time or a size its unit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("engines", "stream", "train", "export")
Function = ast.FunctionDef | ast.AsyncFunctionDef
ARRAYS = {"ndarray", "NDArray", "Tensor"}
"What the type of an array ends in; the names that modules give to one (`Image = npt.NDArray[np.uint8]`) join it."
SHAPE = re.compile(
    r"\((?:[\w.*/+ -]+|\.\.\.),(?: (?:[\w.*/+ -]+|\.\.\.),?)*\)"  # (N,), (n, 5, 2), (B, ...)
    r"|\b(?:[A-Z]\w?|\d+)(?:x(?:[A-Z]\w?|\d+))+\b"  # HxWx3, 2x3
    r"|\bany shape\b"
)
TIMES = {"t", "seconds", "duration", "timeout", "every", "rate", "size", "side"}
"Parameters that are a time, a rate or a size, whose unit their function, or its class, has to name."
UNIT = re.compile(r"\b(?:s|ms|seconds?|Hz|px|pixels|bytes|samples|kb/s|kbit/s|a second)\b")


def trees() -> dict[str, ast.Module]:
    """Return every module of truefeed by its path."""
    files = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def words(annotation: ast.AST | None) -> set[str]:
    """Return the names in an annotation, of a dotted one the last."""
    inner = [] if annotation is None else list(ast.walk(annotation))
    return {n.attr for n in inner if isinstance(n, ast.Attribute)} | {n.id for n in inner if isinstance(n, ast.Name)}


def array_types(modules: dict[str, ast.Module]) -> set[str]:
    """Return ARRAYS and the names that modules give to an array's type."""
    given = [node for tree in modules.values() for node in tree.body if isinstance(node, ast.Assign)]
    named = [n for n in given if isinstance(n.value, ast.Subscript) and words(n.value.value) & ARRAYS]
    return ARRAYS | {target.id for n in named for target in n.targets if isinstance(target, ast.Name)}


def on_arrays(function: Function, types: set[str]) -> bool:
    """Return whether a parameter or what is returned is an array, or holds arrays."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return any(types & words(note) for note in (function.returns, *(arg.annotation for arg in every if arg)))


def public(body: list[ast.stmt]) -> Iterator[tuple[ast.ClassDef | None, Function]]:
    """Yield the public functions of a module and the public methods of its public classes."""
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield None, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((node, inner) for _, inner in public(node.body))


def promised(modules: dict[str, ast.Module]) -> set[str]:
    """Return the methods of protocols and of the observer that name a shape, for all that do the same."""
    bases = [n for t in modules.values() for n in t.body if isinstance(n, ast.ClassDef)]
    bases = [n for n in bases if n.name == "Observer" or any("Protocol" in words(base) for base in n.bases)]
    return {f.name for base in bases for _, f in public(base.body) if SHAPE.search(ast.get_docstring(f) or "")}


def shapeless(modules: dict[str, ast.Module]) -> Iterator[str]:
    """Yield `path: name` of each public function on arrays of which neither it nor its class says the shape."""
    types, known = array_types(modules), promised(modules)
    for path, tree in modules.items():
        for owner, function in public(tree.body):
            own = ast.get_docstring(function)
            if not on_arrays(function, types) or SHAPE.search(own or ""):
                continue
            if own is None or own.startswith("See "):
                inherited = owner is not None and function.name in known
                if inherited or (owner and SHAPE.search(ast.get_docstring(owner) or "")):
                    continue
            yield f"{path}: {owner.name + '.' if owner else ''}{function.name}"


def unitless(modules: dict[str, ast.Module]) -> Iterator[str]:
    """Yield `path: name` of each public function on one of TIMES of which neither it nor its class says the unit."""
    for path, tree in modules.items():
        for owner, function in public(tree.body):
            own, given = ast.get_docstring(function) or "", [*function.args.args, *function.args.kwonlyargs]
            said = own + ((ast.get_docstring(owner) or "") if owner else "")
            numbers = [arg for arg in given if arg.arg in TIMES and words(arg.annotation) & {"int", "float"}]
            if numbers and own and not own.startswith("See ") and not UNIT.search(said):
                yield f"{path}: {owner.name + '.' if owner else ''}{function.name}"


def test_public_functions_on_times_and_sizes_name_units() -> None:
    assert list(unitless(trees())) == []


@pytest.mark.parametrize(("said", "found"), [("Wait.", 1), ("Wait so long, s.", 0), ("See `Other.wait`.", 0)])
def test_a_function_without_a_unit_is_found(said: str, found: int) -> None:
    source = f'def wait(timeout: float | None = None) -> None:\n    """{said}"""\n'
    assert len(list(unitless({"a.py": ast.parse(source)}))) == found


def test_public_functions_on_arrays_name_shapes() -> None:
    assert list(shapeless(trees())) == []


@pytest.mark.parametrize("said", ["", '"""Scale it."""', '"""Scale it, px."""'])
def test_a_function_without_a_shape_is_found(said: str) -> None:
    source = f"Image = npt.NDArray[np.uint8]\ndef scale(image: list[Image] | None) -> None:\n    {said or 'pass'}\n"
    assert list(shapeless({"a.py": ast.parse(source)})) == ["a.py: scale"]


@pytest.mark.parametrize("said", ["(n, 5) in.", "HxWx3 BGR.", "Samples (n,).", "(B, ...) in.", "Of any shape."])
def test_a_shape_is_seen(said: str) -> None:
    source = f'def scale(image: npt.NDArray[np.uint8]) -> None:\n    """{said}"""\n'
    assert not list(shapeless({"a.py": ast.parse(source)}))
