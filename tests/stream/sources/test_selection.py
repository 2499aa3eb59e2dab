"""Tracks that no decoder is known for, and those beside the first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from clips import moving_face, write_video
from truefeed.stream.cli import main

APAC = ((b"mp4a", b"apac"), (b"esds", b"dapa"))
"As telephones name a coding for which FFmpeg has no decoder."


def renamed(source: Path, target: Path, *names: tuple[bytes, bytes]) -> Path:
    """Copy an MP4 file whose tracks call their codings otherwise: (before, after)."""
    data = source.read_bytes()
    for before, after in names:
        assert data.count(before) == 1
        data = data.replace(before, after)
    target.write_bytes(data)
    return target


def scan(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, list[dict[str, Any]]]:
    code = main(["scan", "--quiet", "--json", *map(str, words)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a face with a tone."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_face(2), tone=300)


@pytest.fixture(scope="module")
def unknown_sound(clip: Path) -> Path:
    """The same; what its sound is coded in is not known."""
    return renamed(clip, clip.with_name("sound.mp4"), *APAC)


def test_a_sound_without_a_decoder_leaves_the_pictures(
    clip: Path, unknown_sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with av.open(str(unknown_sound)) as media:
        assert media.streams.audio[0].codec_context is None
    code, (plain, line) = scan(capsys, clip, unknown_sound)
    assert code == 0
    assert line["fake_probability"] == plain["fake_probability"]
    assert line["faces"] == plain["faces"]


def test_what_has_no_decoder_is_an_error_that_names_the_coding_and_the_others_are_judged(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protected = renamed(clip, tmp_path / "protected.mp4", (b"avc1\0", b"encv\0"))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(clip), "-vn", "-c", "copy", str(tmp_path / "plain.m4a")], check=True
    )
    sound = renamed(tmp_path / "plain.m4a", tmp_path / "apac.m4a", *APAC)
    for jobs in ("1", "2"):
        code, lines = scan(capsys, "--jobs", jobs, "--report", tmp_path / "r.html", protected, sound, clip)
        assert code == 1
        assert [line["status"] for line in lines[:2]] == ["error", "error"]
        assert lines[0]["error"] == f"{protected}: there is no decoder for its video (encv: encrypted)"
        assert lines[1]["error"] == f"{sound}: there is no decoder for its sound (apac)"
        assert lines[2]["fake_probability"] is not None


def test_watched_they_say_the_same(clip: Path, unknown_sound: Path, tmp_path: Path) -> None:
    protected = renamed(clip, tmp_path / "protected.mp4", (b"avc1\0", b"encv\0"))
    words = ["watch", "--pace", "fast", "--json", str(protected), str(unknown_sound)]
    done = subprocess.run(
        [sys.executable, "-m", "truefeed.stream", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "there is no decoder for its video (encv: encrypted)" in done.stderr
    assert "Traceback" not in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(event["event"] == "verdict" and event["source"] == str(unknown_sound) for event in events)
