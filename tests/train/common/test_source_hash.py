"""What the keys of kept results hold of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from truefeed.train.common import source_hash as module
from truefeed.train.common.source_hash import source_hash, sources

ROOT = Path(module.__file__).parents[2]
_LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
names = [n for n in sys.modules if n.startswith("truefeed.") and getattr(sys.modules[n], "__file__", None)]
print("\\n".join(sys.modules[n].__file__ for n in names))
"""


@pytest.mark.parametrize("name", ["eval.observe", "eval.recompress", "data.extract", "voice.features"])
def test_all_that_is_loaded_with_a_module_is_in_its_hash(name: str) -> None:
    words = [sys.executable, "-c", _LOADED, f"truefeed.train.{name}"]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert len(loaded) > 10
    found = {str(path) for path in sources(ROOT / "train" / f"{name.replace('.', '/')}.py")}
    assert set(loaded) - found == set()
    assert all(Path(path).is_relative_to(ROOT) for path in found)


def test_what_decides_a_score_is_in_the_key_of_observations() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in sources(ROOT / "train/eval/observe.py")}
    wanted = ("train/eval/observe", "stream/scan/feed", "stream/sources/decoder", "stream/audio/scorer", "engines/ort")
    assert {f"{name}.py" for name in (*wanted, "stream/scoring/fusion")} <= found
    assert not any(path.startswith(("stream/web", "train/voice", "export")) for path in found)


def _tree(root: Path) -> Path:
    for path, text in {
        "a/__init__.py": "",
        "a/b/__init__.py": "",
        "a/b/start.py": "from ... import c\nfrom .beside import x\n",
        "a/b/beside.py": "x = 1\ndef f():\n    from ..late import y\n    return y\n",
        "a/late.py": "y = 2\n",
        "a/other.py": "from .b import start\n",
        "c/__init__.py": "from .deep.most import z\n",
        "c/deep/most.py": "z = 3\nfrom . import most\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root / "a/b/start.py"


def test_a_change_of_anything_imported_changes_the_hash_and_of_nothing_else(tmp_path: Path) -> None:
    start = _tree(tmp_path)
    before = source_hash(start, tmp_path)
    for path in sorted(tmp_path.rglob("*.py")):
        text = path.read_text()
        path.write_text(f"{text}# changed\n")
        source_hash.cache_clear()
        assert (source_hash(start, tmp_path) != before) == (path.name != "other.py"), path
        path.write_text(text)
