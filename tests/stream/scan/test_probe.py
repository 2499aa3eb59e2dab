"""Files told apart by content."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from clips import moving_face, write_video
from truefeed.stream.errors import SourceError, SourceNotFoundError
from truefeed.stream.scan.picture import read_picture
from truefeed.stream.scan.probe import kind_of, walk
from truefeed.stream.scan.webp import read_animation

GREY = [np.full((64, 96, 3), 20 + 10 * n, np.uint8) for n in range(10)]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "gif", "avif", "jp2"])
def test_pictures_are_known_by_content_not_by_name(tmp_path: Path, suffix: str) -> None:
    good, data = cv2.imencode(f".{suffix}", moving_face(0.04, size=(128, 72))[0])
    assert good
    path = tmp_path / "holiday.mp4"
    path.write_bytes(data.tobytes())
    assert kind_of(path) == "image"
    assert read_picture(path).shape == (72, 128, 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi", "mov", "ts"])
def test_videos(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    path = write_video(tmp_path / f"clip.{suffix}", GREY, codec=codec)
    assert kind_of(path.rename(tmp_path / "clip.txt")) == "video"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_sounds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sound.{suffix}"
    soundfile.write(path, np.sin(np.arange(32000) / 20) * 0.3, 16000)
    assert kind_of(path) == "audio"


def test_an_animation_is_a_video_and_a_single_picture_is_not(tmp_path: Path) -> None:
    for suffix in ("gif", "webp"):
        animation = cv2.Animation()
        animation.frames, animation.durations = GREY, np.full(len(GREY), 40)
        cv2.imwriteanimation(str(tmp_path / f"moves.{suffix}"), animation)
        assert kind_of(tmp_path / f"moves.{suffix}") == "video"
    times = [t for t, _ in read_animation(tmp_path / "moves.webp")]
    assert times == pytest.approx([0.04 * n for n in range(10)])


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "sideways.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(path, exif=exif)
    assert read_picture(path).shape == (80, 40, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just words\n",
        "größer als\n".encode(),
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n",
        b"ffconcat version 1.0\nfile other.mp4\n",
        b"1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0",
        b"PK\x03\x04" + bytes(200),
        bytes(5000),
    ],
)
def test_what_is_no_media(tmp_path: Path, content: bytes) -> None:
    for name in ("a.bin", "a.mp4", "a.txt", "a.m3u8"):
        path = tmp_path / name
        path.write_bytes(content)
        assert kind_of(path) is None


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"absent\.mp4: no such file"):
        kind_of(tmp_path / "absent.mp4")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="pipe: not a file"):
        kind_of(tmp_path / "pipe")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    with pytest.raises(SourceError, match=r"broken\.png: damaged"):
        read_picture(broken)


def test_folders_are_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a.png", ".hidden.png", ".git/x.png", "c/.DS_Store", "c/ö ß.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = list(walk([tmp_path, tmp_path / "a.png", tmp_path / "absent"]))
    assert [(str(f.path.relative_to(tmp_path)), f.named) for f in found] == [
        ("a.png", False),
        ("b/10.png", False),
        ("b/2.png", False),
        ("c/ö ß.png", False),
        ("a.png", True),
        ("absent", True),
    ]


def test_what_a_folder_holds_beside_files_is_left_out_and_a_name_that_none_can_have_costs_one_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"x")
    os.mkfifo(tmp_path / "in" / "pipe.mp4")
    (tmp_path / "in" / "nowhere.mp4").symlink_to(tmp_path / "absent")
    (tmp_path / "in" / "circle.mp4").symlink_to(tmp_path / "in" / "circle.mp4")
    long = tmp_path / ("n" * 256 + ".mp4")
    found = list(walk([long, tmp_path / "in", tmp_path / "in" / "a.png"]))
    assert [(f.path.name, f.named) for f in found] == [(long.name, True), ("a.png", False), ("a.png", True)]
    assert found[0].error == f"{long}: file name too long"
