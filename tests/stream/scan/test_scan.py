"""`truefeed scan` on real files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
from clips import face_picture, moving_face, write_video
from models import write_voice
from truefeed.stream.cli import main
from truefeed.stream.errors import SourceError
from truefeed.stream.scan.named import spool
from truefeed.stream.scan.table import COLUMNS
from truefeed.stream.words import say, verdict
from voices import voiced

KEYS = [
    "path",
    "kind",
    "status",
    "fake_probability",
    "voice_probability",
    "reasons",
    "faces",
    "timeline",
    "seconds",
    "model",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have them."""
    root = tmp_path_factory.mktemp("evi dence")
    write_video(root / "-clip.mp4", moving_face(3), tone=300)
    cv2.imwrite(str(root / "face.jpg"), face_picture())
    cv2.imwrite(str(root / "wall.png"), np.full((300, 400, 3), 128, np.uint8))
    (root / "notes.txt").write_text("nothing to see")
    (root / "cut.mp4").write_bytes((root / "-clip.mp4").read_bytes()[:5000])
    (root / "münchen").mkdir()
    (root / "münchen" / "empty.mp4").touch()
    (root / ".secret.jpg").write_bytes((root / "face.jpg").read_bytes())
    return root


def _scan(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["scan", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_a_folder_gives_one_line_a_file_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, err = _scan(capsys, folder)
    assert code == 1  # two of them are broken
    told = {Path(line["path"]).name: line for line in lines}
    assert list(told) == ["-clip.mp4", "cut.mp4", "face.jpg", "wall.png", "empty.mp4"]
    assert all(list(line)[:10] == KEYS for line in lines)
    assert [(told[n]["kind"], told[n]["status"]) for n in ("cut.mp4", "empty.mp4")] == [(None, "error")] * 2
    assert "cut short" in told["cut.mp4"]["error"]
    assert told["empty.mp4"]["error"].endswith("the file is empty")
    assert "5 judged" in err
    assert "2 failed, 1 left out (no media)" in err


def test_what_was_scored_has_a_probability_whatever_the_status(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = _scan(capsys, folder / "-clip.mp4", folder / "face.jpg", folder / "wall.png")
    assert code == 0
    video, image, wall = lines
    assert video["kind"] == "video"
    assert video["seconds"] == pytest.approx(3.0, abs=0.1)
    assert [point["t"] for point in video["timeline"]] == [0.0, 1.0, 2.0]
    assert all(0 <= point["fake"] <= 1 for point in video["timeline"])
    assert image["kind"] == "image"
    assert image["seconds"] is None
    for line in (video, image):
        assert 0 <= line["fake_probability"] <= 1
        assert len(line["faces"]) == 1
        assert len(line["model"]["sha256"]) == 64
    assert (wall["status"], wall["reasons"], wall["fake_probability"]) == ("uncertain", ["no-face"], None)


def test_an_animated_picture_is_judged_as_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in ("webp", "gif"):
        animation = cv2.Animation()
        animation.frames = moving_face(2, fps=10, size=(320, 180))
        animation.durations = np.full(len(animation.frames), 100)
        cv2.imwriteanimation(str(tmp_path / f"a.{suffix}"), animation)
    code, lines, _ = _scan(capsys, tmp_path)
    assert code == 0
    assert [(line["kind"], len(line["faces"])) for line in lines] == [("video", 1)] * 2


def test_a_sound_is_a_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "tone.wav", np.sin(np.arange(96000) / 20) * 0.3, 16000)
    _, (line,), _ = _scan(capsys, tmp_path / "tone.wav")
    assert line["kind"] == "audio"
    assert line["fake_probability"] is None  # a tone is no speech


def test_a_sound_with_tags_of_another_age_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tone.wav"
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        file.title = "Caf@ noir"
        file.write(np.sin(np.arange(96000) / 20) * 0.3)
    path.write_bytes(path.read_bytes().replace(b"Caf@", b"Caf\xe9"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    _, (line,), _ = _scan(capsys, path)
    assert line["kind"] == "audio"
    assert (line["status"], line["seconds"]) == ("uncertain", 6.0)


def test_a_sound_of_less_than_a_second_is_too_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "click.wav", np.sin(np.arange(8000) / 20) * 0.3, 16000)
    _, (line,), _ = _scan(capsys, tmp_path / "click.wav")
    assert (line["fake_probability"], line["reasons"]) == (None, ["too-short"])


@pytest.mark.parametrize("seconds", [1.6, 1.9, 2.2])
def test_a_voice_of_a_second_has_a_probability_and_is_too_short_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: float
) -> None:
    model = write_voice(tmp_path / "voice.onnx", logit=3.0)
    soundfile.write(tmp_path / "word.wav", voiced(120, seconds, 1), 16000)
    _, (line,), _ = _scan(capsys, "--voice-model", model, tmp_path / "word.wav")
    assert line["voice_probability"] == pytest.approx(0.953, abs=0.001)
    assert line["status"] == "uncertain"
    assert "too-short" in line["reasons"]


def test_named_files_that_are_no_media_fail_and_the_rest_is_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = _scan(capsys, folder / "notes.txt", folder / "absent.mp4", folder / "face.jpg")
    assert code == 1
    assert [line["status"] for line in lines][:2] == ["error", "error"]
    assert lines[1]["error"] == f"{folder / 'absent.mp4'}: no such file"
    assert lines[2]["fake_probability"] is not None


def test_a_folder_without_media_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(tmp_path)]) == 1
    assert "nothing to judge" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = folder / "face.jpg"
    locked.chmod(0)
    try:
        code, (line,), _ = _scan(capsys, locked)
    finally:
        locked.chmod(0o644)
    assert (code, line["error"]) == (1, f"{locked}: permission denied")


def test_several_processes_give_the_same_lines_in_the_same_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _scan(capsys, folder)[1] == _scan(capsys, folder, "--jobs", "2")[1]


def test_the_words_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["scan", str(folder / "wall.png"), str(folder / "cut.mp4")])
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"uncertain    -             {folder / 'wall.png'}  (no face)"
    assert out[1].startswith("error        -")


class _Page(HTMLParser):
    """What a browser would fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(value) for key, value in attrs if key in ("src", "href")]
        self.fetched = [url for url in self.fetched if not str(url).startswith(("data:image/", "#file-"))]
        self.fetched += [tag] if tag in ("script", "link") else []
        self.pictures += tag == "img"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_needs_nothing_else_and_escapes_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "<img src=x>.jpg"
    odd.write_bytes((folder / "face.jpg").read_bytes())
    target = tmp_path / "report.html"
    main(["scan", str(odd), str(folder / "-clip.mp4"), str(folder / "cut.mp4"), "--report", str(target)])
    page = _Page()
    page.feed(target.read_text(encoding="utf-8"))
    assert page.fetched == []
    assert str(odd) in page.words
    assert "<svg" in target.read_text()
    assert page.pictures >= 3  # of the picture its copy and the heat map, of the video at least the heat map
    assert sorted(tmp_path.iterdir()) == sorted([odd, target])
    assert main(["scan", str(odd), "--report", str(tmp_path / "absent" / "report.html")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_report_of_one_file_is_the_page_of_its_result(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report.html"
    assert main(["scan", str(folder / "face.jpg"), "--report", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = _Page()
    page.feed(target.read_text(encoding="utf-8"))
    assert say(*verdict({"report": told})["headline"]) in page.words
    assert page.pictures == 2
    assert any(hashlib.sha256((folder / "face.jpg").read_bytes()).hexdigest() in text for text in page.words)


def test_a_report_goes_on_with_what_was_judged_before(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, journal = tmp_path / "report.html", tmp_path / "done.jsonl"
    main(["scan", str(folder / "wall.png"), "--resume", str(journal)])
    main(
        ["scan", str(folder / "wall.png"), str(folder / "face.jpg"), "--resume", str(journal), "--report", str(target)]
    )
    page = _Page()
    page.feed(target.read_text(encoding="utf-8"))
    assert all(page.words.count(str(folder / name)) >= 2 for name in ("wall.png", "face.jpg"))  # index and result
    assert page.pictures == 2
    capsys.readouterr()


def test_the_table_has_a_row_a_file_and_no_formula(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "results.csv"
    code, lines, _ = _scan(capsys, folder, "--csv", target)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert code == 1
    assert tuple(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [line["path"] for line in lines]
    for row, line in zip(rows, lines, strict=True):
        assert (row["kind"] or None, row["status"]) == (line["kind"], line["status"])
        for name in ("fake_probability", "voice_probability", "seconds"):
            assert row[name] == ("" if line[name] is None else str(line[name]))
        assert (row["reasons"].split(), row["error"] or None) == (line["reasons"], line.get("error"))
        assert row["model"] == line["model"].get("name", "")
    monkeypatch.chdir(tmp_path)
    main(["scan", "--csv", str(target), "--", "=1+1.mp4", "-absent.mp4"])
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["error"]) for row in rows] == [
        ("./=1+1.mp4", "'=1+1.mp4: no such file"),
        ("./-absent.mp4", "'-absent.mp4: no such file"),
    ]
    assert list(tmp_path.iterdir()) == [target]
    assert main(["scan", str(folder), "--csv", str(tmp_path)]) == 2
    assert "name a file" in capsys.readouterr().err


def _piped(data: bytes, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "truefeed.stream", "scan", *words]
    return subprocess.run(command, input=data, capture_output=True, env=os.environ | {"TMPDIR": str(tmp_path)})


def test_standard_input_is_a_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = folder / "-clip.mp4"
    ended = _piped(clip.read_bytes(), tmp_path, "--json", "-", str(folder / "wall.png"))
    assert ended.returncode == 0, ended.stderr
    piped, wall = (json.loads(line) for line in ended.stdout.splitlines())
    _, (named,), _ = _scan(capsys, folder / "-clip.mp4")
    assert piped == named | {"path": "-"}
    assert wall["path"] == str(folder / "wall.png")
    assert list(tmp_path.glob("truefeed-*")) == []


def test_standard_input_that_is_no_media_is_named_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = _piped(b"", tmp_path, "-")
    assert (ended.returncode, ended.stdout.split()) == (1, b"error - - (the file is empty)".split())
    assert main(["scan", "-", "-"]) == 2
    assert "only once" in capsys.readouterr().err
    with pytest.raises(SourceError, match="allowed"):
        spool(io.BytesIO(bytes(101)), tmp_path / "stdin", most=100)
    spool(io.BytesIO(bytes(100)), tmp_path / "stdin", most=100)
    assert (tmp_path / "stdin").stat().st_size == 100


def test_another_model_is_used_and_a_wrong_one_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(folder / "face.jpg"), "--model", str(folder / "face.jpg")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("truefeed: ")
    assert "face.jpg" in err
    assert len(err.splitlines()) == 1


def _children(pid: int) -> Iterator[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    yield from map(int, listed.read_text().split() if listed.exists() else [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_scan_that_is_stopped_leaves_no_process(folder: Path, number: signal.Signals, code: int) -> None:
    words = [sys.executable, "-m", "truefeed.stream", "scan", "--jobs", "2", *[str(folder / "-clip.mp4")] * 40]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    running.stdout.readline()  # the first result: the workers are at work
    workers = list(_children(running.pid))
    assert workers
    running.send_signal(number)
    _, err = running.communicate(timeout=20)
    assert running.returncode == code
    assert "Traceback" not in err
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_worker_that_dies_costs_nobody_a_report(folder: Path) -> None:
    clip = str(folder / "-clip.mp4")
    words = [sys.executable, "-m", "truefeed.stream", "scan", "--json", "--jobs", "2", *[clip] * 6]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    first = running.stdout.readline()
    workers = [pid for pid in _children(running.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    rest = running.stdout.readlines()  # communicate() would not return what was read ahead with the first
    _, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert [json.loads(line)["path"] for line in [first, *rest]] == [clip] * 6
