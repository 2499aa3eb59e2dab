"""A scan that goes on where it was stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from clips import face_picture
from truefeed.stream.cli import main
from truefeed.stream.errors import ConfigError
from truefeed.stream.scan.journal import Journal
from truefeed.stream.scan.json_line import line, report_of
from truefeed.stream.scan.probe import Found
from truefeed.stream.types import Report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files: one with a face, one damaged, one whose name is no UTF-8."""
    root = tmp_path / "archive"
    root.mkdir()
    cv2.imwrite(str(root / "a.png"), face_picture())
    (root / "b.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (root / os.fsdecode(b"c\xff.png")).write_bytes((root / "a.png").read_bytes())
    return root


def _report(path: str) -> Report:
    return Report(path, "image", "real", 0.25, None, ("blurred",), ({"id": 1, "box": [1, 2]},), (), None)


def test_a_stopped_scan_goes_on_and_nothing_is_lost_or_doubled(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, whole = tmp_path / "results.jsonl", tmp_path / "whole.jsonl"
    words = ["scan", str(folder), "--json", "--resume"]
    outputs = ["--csv", str(tmp_path / "a.csv"), "--report", str(tmp_path / "a.html")]
    assert main([*words, str(whole), *outputs]) == 1  # one of them is damaged
    lines = whole.read_bytes().splitlines(keepends=True)
    assert capsys.readouterr().out.encode(errors="backslashreplace") == whole.read_bytes()
    tables = (tmp_path / "a.csv").read_bytes(), _index(tmp_path / "a.html")

    kept.write_bytes(lines[0] + lines[1] + lines[2][:40])
    assert main([*words, str(kept), *outputs]) == 1
    out, err = capsys.readouterr()
    assert out.encode(errors="backslashreplace") == lines[2]
    assert "1 judged in" in err
    assert "2 judged before, 1 failed" in err
    assert kept.read_bytes() == whole.read_bytes()
    assert ((tmp_path / "a.csv").read_bytes(), _index(tmp_path / "a.html")) == tables

    assert main([*words, str(kept)]) == 1
    assert capsys.readouterr().out == ""
    assert kept.read_bytes() == whole.read_bytes()
    assert main(["scan", str(folder / "a.png"), "--resume", str(kept)]) == 0


def _index(page: Path) -> list[str]:
    """Return what stands of each file in the index; pictures are only kept of what was judged this time."""
    return re.findall(r'<a href="#.*?class="number">[^<]*', page.read_text())


def test_a_scan_that_is_killed_goes_on(folder: Path, tmp_path: Path) -> None:
    for number in range(12):
        (folder / f"d{number:02}.png").write_bytes((folder / "a.png").read_bytes())
    kept = tmp_path / "results.jsonl"
    words = [sys.executable, "-m", "truefeed.stream", "scan", str(folder), "--json", "--resume", str(kept)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        for _ in range(4):
            running.stdout.readline()
        running.send_signal(signal.SIGKILL)
    before = kept.read_bytes().count(b"\n")
    assert before >= 4
    assert subprocess.run(words, capture_output=True, check=False).stdout.count(b"\n") == 15 - before
    paths = [json.loads(line)["path"] for line in kept.read_bytes().splitlines()]
    assert len(paths) == len(set(paths)) == 15


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    for text in ("Dear all", "Dear all\n", '{"path":"a"}\n', "[]\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="line 1 is no result"), Journal(path):
            pass
        assert path.read_text() == text
    with pytest.raises(ConfigError, match="name a file"), Journal(tmp_path):
        pass
    with pytest.raises(ConfigError, match="no such file"), Journal(tmp_path / "absent" / "a.jsonl"):
        pass


def test_one_scan_at_a_time_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path), pytest.raises(ConfigError, match="another scan"), Journal(path):
        pass
    with Journal(path):
        pass


def test_what_may_be_another_file_is_judged_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    names = ("-", "https://***@host.example/a.mp4", "https://host.example/a.mp4")
    with Journal(path) as journal:
        for name in names:
            journal.add(_report(name))
    with Journal(path) as journal:
        told = [
            journal.earlier(Found(Path("x"), True, shown=name)) for name in (*names, "https://u:p@host.example/a.mp4")
        ]
    assert told == [None, told[1], _report(names[2]), None]


def test_a_report_comes_back_from_its_line() -> None:
    report = _report("a.png")
    assert report_of(json.loads(json.dumps(line(report)))) == report
