"""What `truefeed doctor` finds, on this very machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from truefeed.engines import WEIGHTS
from truefeed.stream.cli import main


def test_the_doctor_tries_the_models_and_engines(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    checks = {(c["group"], c["name"]): c for c in told["checks"]}
    assert code == 0
    assert told["ok"]
    assert checks["engines", "cpu"]["state"] == "ok"
    assert checks["media", "rtsp"]["state"] == "ok"
    face = checks["models", "face.onnx"]
    assert hashlib.sha256((WEIGHTS / "face.onnx").read_bytes()).hexdigest().startswith(face["detail"].split()[-1])


def test_what_is_missing_comes_with_the_command_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    for check in told["checks"]:
        if check["state"] != "ok" and check["group"] in ("packages", "engines", "models"):
            assert check["fix"], check


def test_the_page_for_people_ends_with_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("system\n")
    assert "Try: truefeed watch demo\n" in out
    assert out.splitlines()[-1].endswith("docs/which-way.md, or `truefeed serve` and http://localhost:5000/ways")


def test_a_runtime_that_is_not_there_is_named_and_fails(tmp_path: Path) -> None:
    """A real interpreter in which ONNX Runtime cannot be imported."""
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libonnx.so: cannot open shared object file')\n")
    done = subprocess.run(
        [sys.executable, "-m", "truefeed.stream", "doctor"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Not ready. Needed first:" in done.stdout
    assert "pip install 'truefeed[cpu]'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
