"""A real X display, watched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from models import write_models

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is needed")


@pytest.fixture
def display() -> Iterator[str]:
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "320x240x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    yield f":{server.stdout.readline().strip()}"
    server.kill()
    server.communicate()


def _watch(source: str, model: Path, display: str) -> tuple[int, list[dict[str, object]], str]:
    # A process of its own: what is tested is that it does not die.
    words = [
        sys.executable,
        "-m",
        "truefeed.stream",
        "watch",
        source,
        "--seconds",
        "3",
        "--json",
        "--model",
        str(model),
    ]
    done = subprocess.run(
        words, env=os.environ | {"DISPLAY": display}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_screen_is_watched_from_its_beginning(tmp_path: Path, display: str) -> None:
    code, events, _ = _watch(f"x11grab:{display}", write_models(tmp_path), display)
    assert code == 0
    verdicts = [event for event in events if event["event"] == "verdict"]
    assert verdicts
    # The grabber stamps pictures by the clock on the wall.
    assert all(0 <= float(str(verdict["t"])) < 60 for verdict in verdicts)
    assert events[-1]["event"] == "summary"


def test_a_screen_that_is_not_there_is_an_error(tmp_path: Path, display: str) -> None:
    code, _, err = _watch("x11grab::9987", write_models(tmp_path), display)
    assert code == 1
    assert "x11grab::9987: the screen cannot be opened" in err
    assert "Traceback" not in err
