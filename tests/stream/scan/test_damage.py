"""Files that can be read in part: judged, and the answer says how much was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import media
import pytest
from models import write_models
from truefeed.stream.cli import main
from truefeed.stream.sources.coverage import declared_size


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one clip of four seconds in many containers."""
    folder = tmp_path_factory.mktemp("clips")
    clip = media.write_clip(folder / "plain.mp4", frames=100, audio="aac", options={"preset": "ultrafast"})
    for name, options in {
        "front.mp4": ["-movflags", "faststart"],
        "parts.mp4": ["-movflags", "frag_keyframe+empty_moov"],
        "a.mkv": [],
        "a.avi": [],
        "a.ts": [],
        "a.flv": [],
    }.items():
        media.ffmpeg("-i", clip, "-c", "copy", *options, folder / name)
    for name in ("a.flac", "a.mp3", "a.wav", "a.ogg", "a.m4a"):
        media.ffmpeg("-i", clip, "-vn", folder / name)
    return folder


def scan(capsys: pytest.CaptureFixture[str], model: Path, *paths: Path) -> tuple[int, list[dict[str, Any]]]:
    code = main(["scan", "--quiet", "--json", "--model", str(model), *map(str, paths)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def cut(path: Path, target: Path, share: float) -> Path:
    data = path.read_bytes()
    target.write_bytes(data[: int(share * len(data))])
    return target


def test_whole_files_have_nothing_to_say(clips: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = scan(capsys, model, clips)
    assert code == 0
    assert len(lines) == 12
    assert not any("unreadable" in line or "notes" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "lost", "within"),
    [
        *((name, 0.5, 0.2) for name in ("front.mp4", "a.mkv", "a.avi", "a.flac", "a.mp3", "a.wav")),
        # A fragmented file promises no more than the fragment that it is cut in, here the fifth of nine.
        ("parts.mp4", 0.13, 0.1),
    ],
)
def test_half_a_file_is_judged_and_says_so(
    clips: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    lost: float,
    within: float,
) -> None:
    code, (line,) = scan(capsys, model, cut(clips / name, tmp_path / name, 0.5))
    assert code == 0
    assert line["status"] != "error"
    assert line["unreadable"] == pytest.approx(lost, abs=within)
    assert line["notes"] == [f"{round(100 * line['unreadable'])}% of it could not be read"]
    assert main(["scan", "-q", "--model", str(model), str(tmp_path / name)]) == 0
    assert line["notes"][0] in capsys.readouterr().out


def test_a_hole_in_the_middle_costs_the_pictures_up_to_the_next_keyframe(
    clips: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((clips / "front.mp4").read_bytes())
    start, size = data.index(b"mdat"), len(data)
    begin = start + (size - start) // 3
    data[begin : begin + (size - start) // 3] = bytes((size - start) // 3)
    (tmp_path / "hole.mp4").write_bytes(data)
    code, (line,) = scan(capsys, model, tmp_path / "hole.mp4")
    assert code == 0
    assert 0.25 < line["unreadable"] < 0.6


@pytest.mark.parametrize("more", [4, 400])
def test_a_file_of_which_only_the_index_is_left_is_an_error(
    clips: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: int
) -> None:
    data = (clips / "front.mp4").read_bytes()
    path = tmp_path / "first.mp4"
    path.write_bytes(data[: data.index(b"mdat") + 4 + more])
    code, (line, good) = scan(capsys, model, path, clips / "plain.mp4")
    assert code == 1
    assert line["status"] == "error"
    assert line["error"].startswith(f"{path}: cut short")
    assert good["status"] != "error"


def test_how_long_a_file_says_that_it_is(clips: Path, tmp_path: Path) -> None:
    for name in ("plain.mp4", "front.mp4", "parts.mp4", "a.mkv", "a.avi", "a.wav"):
        size = (clips / name).stat().st_size
        assert declared_size(clips / name) == size
        assert declared_size(cut(clips / name, tmp_path / name, 0.9)) == pytest.approx(size, rel=0.1)
    assert declared_size(clips / "a.ts") is None
