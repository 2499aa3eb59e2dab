"""What a file is, by its content: a video, a picture, a sound or none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np

from ..errors import SourceError, SourceNotFoundError
from ..types import Image

Kind = Literal["video", "image", "audio"]

_PICTURES = (
    (0, b"\xff\xd8\xff"),  # JPEG
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"II*\0"),  # TIFF
    (0, b"MM\0*"),
    (8, b"WEBP"),
    (4, b"ftypheic"),
    (4, b"ftypmif1"),
    (4, b"ftypavif"),
    (4, b"ftypavis"),
    (0, b"\0\0\0\x0cjP  "),  # JPEG 2000
)
# FFmpeg takes these for media: pictures made of letters, and lists that would have it read other files or the network.
_NO_MEDIA = {"tty", "bin", "xbin", "adf", "idf", "hls", "applehttp", "concat", "dash", "rtsp", "sdp", "lavfi"}
_NO_MEDIA |= {"ass", "srt", "webvtt", "subviewer", "vobsub", "jacosub", "lrc"}
_ANIMATION_FRAMES = 600
_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv"}
_SUFFIXES |= {".3gp", ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma"}
_SUFFIXES |= {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to judge, or what stands in the way of judging it."""

    path: Path
    named: bool
    "True where the user named it, False where a folder holds it."
    error: str | None = None


def walk(paths: Sequence[Path]) -> Iterator[Found]:
    """Yield the files named and, sorted, those in the folders named; hidden ones and links to folders are left out."""
    for path in paths:
        if path.is_dir():
            yield from _folder(path)
        else:
            yield Found(path, named=True)


def _folder(folder: Path) -> Iterator[Found]:
    failed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=failed.append):
        while failed:
            yield _refused(failed.pop())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Found(Path(root, name), named=False) for name in sorted(files) if not name.startswith("."))
    while failed:
        yield _refused(failed.pop())


def _refused(error: OSError) -> Found:
    return Found(Path(error.filename), True, f"{error.filename}: {(error.strerror or 'cannot be read').lower()}")


def claims_media(path: Path) -> bool:
    """Tell whether the name promises media, so that a file which holds none is damaged rather than of no interest."""
    return path.suffix.lower() in _SUFFIXES


def kind_of(path: Path) -> Kind | None:
    """Tell what the file is; None where it is no media.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceError: it cannot be read.
    """
    head = _head(path)
    if not head:
        return None
    if head.startswith(b"GIF8"):
        return "video" if _more_than_one_picture(path) else "image"
    bitmap = head.startswith(b"BM") and head[6:10] == bytes(4)
    if bitmap or any(head[at : at + len(mark)] == mark for at, mark in _PICTURES):
        return "video" if is_webp(path) and len(read_animation(path, 2)) > 1 else "image"
    if _is_text(head):
        return None
    return _container(path)


def is_webp(path: Path) -> bool:
    """Tell whether it is a picture or an animation in WebP."""
    head = _head(path)
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            what = "no such file" if not path.exists() else "not a file"
            raise SourceNotFoundError(f"{path}: {what}")
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _is_text(head: bytes) -> bool:
    """Media of every kind have a zero or another control byte near their start; a script or a list of files has not."""
    return not head.startswith(b"YUV4MPEG2") and not any(byte < 9 or 13 < byte < 27 for byte in head)


def _container(path: Path) -> Kind | None:
    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="ignore") as media:
            if _NO_MEDIA & set(media.format.name.split(",")):
                return None
            cover = av.stream.Disposition.attached_pic
            if any(not s.disposition & cover for s in media.streams.video):
                return "video"
            return "audio" if media.streams.audio else None
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _more_than_one_picture(path: Path) -> bool:
    try:
        with av.open(str(path.absolute()), metadata_errors="replace") as media:
            for count, _ in enumerate(media.decode(video=0)):
                if count:
                    return True
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        pass
    return False


def read_picture(path: Path) -> Image:
    """Read a picture upright (its EXIF orientation applied).

    Returns:
        HxWx3, uint8, BGR.

    Raises:
        SourceError: it cannot be decoded.
    """
    data = np.fromfile(path, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        raise SourceError(f"{path}: damaged, or a picture of a kind that cannot be decoded (convert it to JPEG or PNG)")
    return np.asarray(image, np.uint8)


def read_animation(path: Path, most: int = _ANIMATION_FRAMES) -> list[tuple[float, Image]]:
    """Return the pictures of an animated WebP with their times, s; the first `most` of them."""
    try:
        good, animation = cv2.imdecodeanimation(np.fromfile(path, np.uint8), 0, most)
    except cv2.error:
        return []
    if not good:
        return []
    times = np.cumsum([0, *animation.durations])[:-1] / 1000
    return [
        (float(t), np.asarray(image[:, :, :3], np.uint8)) for t, image in zip(times, animation.frames, strict=False)
    ]
