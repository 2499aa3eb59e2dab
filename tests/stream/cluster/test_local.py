"""A cluster of this machine alone, and what is said where there is none."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import psutil
import pytest
from media import portrait, write_clip, write_sound
from models import named_models
from truefeed.stream.cli import main

SCAN = [sys.executable, "-m", "truefeed.stream", "scan"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return named_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one file of each kind, a broken one and one that is no media."""
    folder = tmp_path_factory.mktemp("archive")
    cv2.imwrite(str(folder / "face.jpg"), portrait())
    write_clip(folder / "clip.mp4", frames=20)
    write_sound(folder / "sound.wav")
    (folder / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_results_are_those_of_a_plain_scan(archive: Path, models: list[str], tmp_path: Path) -> None:
    def scan(*more: str) -> subprocess.CompletedProcess[str]:
        words = [*SCAN, archive.name, "--json", *models, *more]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=archive.parent)

    kept = tmp_path / "results.jsonl"
    plain, there = scan(), scan("--cluster", "local", "--resume", str(kept))
    assert sorted(there.stdout.splitlines()) == sorted(plain.stdout.splitlines())
    assert len(there.stdout.splitlines()) == 4
    assert there.returncode == plain.returncode == 1  # one is broken
    assert sorted(kept.read_text().splitlines()) == sorted(plain.stdout.splitlines())
    said = [line for line in there.stderr.splitlines() if not re.match(r"\d/5 done", line)]
    assert len(said) == 2, "Ray has said something"
    assert said[0].startswith("truefeed: this machine, ")
    assert said[1].endswith("1 failed, 1 left out (no media)")
    again = scan("--cluster", "local", "--resume", str(kept), "--csv", str(tmp_path / "a.csv"))
    assert again.stdout == ""
    assert (tmp_path / "a.csv").read_text().count("\n") == 5


def test_ctrl_c_ends_it_and_all_that_it_started(archive: Path, models: list[str]) -> None:
    words = [*SCAN, *[str(archive / "clip.mp4")] * 200, "--json", "-q", *models, "--cluster", "local"]
    words += ["--jobs", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["kind"] == "video"
        started = psutil.Process(running.pid).children(recursive=True)
        assert len(started) > 4
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert err == ""
    assert psutil.wait_procs(started, timeout=30)[1] == []


@pytest.mark.parametrize("address", ["here", "ray://", "ray://host", "http://host:10001", "ray://host:99999"])
def test_what_is_no_address_is_refused(address: str, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(archive), "--cluster", address]) == 2
    assert "write `local`, or ray://HOST:10001" in capsys.readouterr().err


def test_where_nobody_answers_that_is_said(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["scan", str(archive), "--cluster", address]) == 1
    assert f"truefeed: {address}: no Ray head answers there (connection refused)" in capsys.readouterr().err


def test_a_wrong_model_and_a_wish_that_does_not_go_with_it(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(archive), "--cluster", "local", "--model", str(archive / "face.jpg")]) != 0
    assert "face.jpg" in capsys.readouterr().err
    assert main(["scan", str(archive), "--cluster", "local", "--explain", str(archive)]) == 2
    assert "--explain does not go with --cluster" in capsys.readouterr().err
