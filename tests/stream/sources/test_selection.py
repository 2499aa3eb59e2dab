"""Tracks that no decoder is known for, and those beside the first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest
import soundfile
import voices
from clips import moving_face, write_video
from models import write_voice
from truefeed.stream.cli import main
from truefeed.stream.types import Floats

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


def voice_file(path: Path, *tracks: Floats) -> Path:
    """Write tracks of sound into one file."""
    words: list[str] = []
    for number, samples in enumerate(tracks):
        soundfile.write(path.with_name(f"{number}.wav"), samples, 16000)
        words += ["-i", str(path.with_name(f"{number}.wav"))]
    maps = [word for number in range(len(tracks)) for word in ("-map", str(number))]
    media.ffmpeg(*words, *maps, "-c:a", "flac", path)
    return path


def test_a_voice_in_the_second_track_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_voice(tmp_path / "voice.onnx", logit=4.0)
    silence = np.zeros(4 * 16000, np.float32)
    path = voice_file(tmp_path / "two.mka", silence, voices.voiced(120, 4.0, 1))
    code, (line,) = scan(capsys, "--voice-model", model, path)
    assert code == 0
    assert line["voice_probability"] == pytest.approx(0.98, abs=0.01)
    assert [(t["track"], t["kind"]) for t in line["tracks"]] == [(1, "audio")]
    assert line["tracks"][0]["fake"] == line["fake_probability"] > 0.5


def test_a_face_in_the_second_track_is_found(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grey = media.write_clip(tmp_path / "grey.mp4", picture=lambda i: np.full((360, 640, 3), 90, np.uint8))
    media.ffmpeg(*("-i", grey, "-i", clip, "-map", "0:v", "-map", "1:v", "-c", "copy"), tmp_path / "two.mp4")
    code, (plain, line) = scan(capsys, clip, tmp_path / "two.mp4")
    assert code == 0
    assert line["fake_probability"] == plain["fake_probability"]
    assert [(face["id"], face["track"]) for face in line["faces"]] == [(1, 1)]
    assert line["tracks"][0]["kind"] == "video"


def test_a_track_that_is_not_judged_is_told(
    unknown_sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_video(tmp_path / "plain.mp4", moving_face(1), tone=300)
    media.ffmpeg(*("-i", clip, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy"), tmp_path / "both.mp4")
    data = (tmp_path / "both.mp4").read_bytes()
    for before, after in APAC:
        place = data.rindex(before)
        data = data[:place] + after + data[place + 4 :]
    (tmp_path / "both.mp4").write_bytes(data)
    _, (line,) = scan(capsys, tmp_path / "both.mp4")
    assert line["fake_probability"] is not None
    assert line["notes"] == ["1 more track not judged: no decoder"]
    assert main(["watch", "--json", "--pace", "fast", str(tmp_path / "both.mp4")]) == 0
    events = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert "1 more track of it not judged" in [event.get("detail") for event in events]
