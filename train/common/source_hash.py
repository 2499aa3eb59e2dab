"""A hash of the code that a kept result was made by: of one module and of all of truefeed's that it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
"The folder of truefeed's layers."


@cache
def source_hash(start: Path, root: Path = _ROOT) -> str:
    """Return a hash of what a module's results depend on, so far as it is code of truefeed.

    Args:
        start: the module, its `__file__`.
        root: the folder that relative imports end at.
    """
    digest = hashlib.sha256()
    for path in sources(start, root):
        digest.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources(start: Path, root: Path = _ROOT) -> list[Path]:
    """Return the files of a module, of what it imports, of what that imports, and so on; imports in functions too.

    What is imported for its types only is among them: too much makes a result anew, too little keeps a wrong one.
    """
    found, left = set[Path](), [start]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += [*_imported(path, root), *_packages(path, root)]
    return sorted(found)


def _packages(path: Path, root: Path) -> list[Path]:
    """Return what runs before a module is imported."""
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    return [file for folder in folders if (file := folder / "__init__.py").is_file()]


def _imported(path: Path, root: Path) -> Iterator[Path]:
    """Yield the files that a module imports by relative names: own modules are imported in no other way."""
    here = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = root.joinpath(*here[: len(here) - node.level + 1], *(node.module or "").split("."))
            for name in (base, *(base / alias.name for alias in node.names)):
                yield from (f for f in (name.with_name(f"{name.name}.py"), name / "__init__.py") if f.is_file())
