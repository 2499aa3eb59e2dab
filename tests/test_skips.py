"""A skipped test fails a run of continuous integration, unless its reason is a known one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parent / "support"
SKIPS = {
    "package": "def test_a() -> None:\n    pytest.importorskip('no_such_package')\n",
    "module": "pytest.importorskip('no_such_package')\n",
    "root": "def test_a() -> None:\n    pytest.skip('root may read everything')\n",
    "gpu": "@pytest.mark.skipif(True, reason='no GPU here')\ndef test_a() -> None: ...\n",
}


@pytest.mark.parametrize(
    ("kind", "ci", "code"),
    [("package", "1", 1), ("module", "1", 1), ("root", "1", 0), ("gpu", "1", 0), ("package", "", 0)],
)
def test_a_skip_needs_a_reason_that_nothing_could_be_installed_against(
    tmp_path: Path, kind: str, ci: str, code: int
) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n\n{SKIPS[kind]}\n\ndef test_other() -> None:\n    assert True\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "skips", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(SUPPORT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    assert ("tests/run.sh should install" in run.stdout) == bool(code)
