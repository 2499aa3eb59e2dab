"""What a file is, by its content: a video, a picture, a sound or none of them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av

from ..errors import SourceError, SourceNotFoundError
from ..sources.isobmff import top_box
from ..sources.selection import pictures
from .heif import BRANDS
from .jpeg import is_film
from .webp import frame_count

Kind = Literal["video", "image", "audio"]

_PICTURES = (
    (0, b"\xff\xd8\xff"),  # JPEG
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"II*\0"),  # TIFF
    (0, b"MM\0*"),
    (8, b"WEBP"),
    (0, b"\0\0\0\x0cjP  "),  # JPEG 2000
)
_HEIF = BRANDS | {b"avif", b"avis"}
"Brands of files that hold pictures: with a film in them, a `moov` box, or without."
# FFmpeg takes these for media: pictures made of letters, and lists that would have it read other files or the network.
_NO_MEDIA = {"tty", "bin", "xbin", "adf", "idf", "hls", "applehttp", "concat", "dash", "rtsp", "sdp", "lavfi"}
_NO_MEDIA |= {"ass", "srt", "webvtt", "subviewer", "vobsub", "jacosub", "lrc"}
_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv"}
_SUFFIXES |= {".3gp", ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma"}
_SUFFIXES |= {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".tga"}
_SUFFIXES |= {".heic", ".heif", ".hif", ".mjpeg", ".mjpg", ".apng"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to judge, or what stands in the way of judging it."""

    path: Path
    named: bool
    "True where the user named it, False where a folder holds it."
    error: str | None = None
    shown: str | None = None
    "What to call it where path is but a copy; may hold credentials."
    address: str | None = None
    "Where it is still to be fetched from, into a folder at path."
    private: bool = False
    "Whether the address may be one of this machine and its network."


def walk(paths: Sequence[Path]) -> Iterator[Found]:
    """Yield the files named and, sorted, those in the folders named.

    In folders hidden files, links to folders or to nothing, pipes and devices are left out.
    """
    for path in paths:
        try:
            inside = path.is_dir()
        except OSError as error:  # a name that no file can have, or no leave to look
            yield _refused(path, error)
            continue
        if inside:
            yield from _folder(path)
        else:
            yield Found(path, named=True)


def _folder(folder: Path) -> Iterator[Found]:
    failed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=failed.append):
        while failed:
            error = failed.pop()
            yield _refused(error.filename, error)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        wanted = (Path(root, name) for name in sorted(files) if not name.startswith("."))
        yield from (Found(path, named=False) for path in wanted if path.is_file())
    while failed:
        error = failed.pop()
        yield _refused(error.filename, error)


def _refused(path: Path | str, error: OSError) -> Found:
    return Found(Path(path), True, f"{path}: {(error.strerror or 'cannot be read').lower()}")


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
    heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF
    if bitmap or heif or any(head[at : at + len(mark)] == mark for at, mark in _PICTURES):
        return "video" if _moves(path, head) else "image"
    if _is_text(head):
        return None
    return _container(path)


def _moves(path: Path, head: bytes) -> bool:
    """Tell whether what begins as a picture goes on as a film."""
    if head.startswith(b"\xff\xd8\xff"):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return is_film(data)
    if head.startswith(b"RIFF"):
        return frame_count(path) > 1
    if head.startswith(b"\x89PNG"):
        # The chunk that announces further pictures comes before the first one.
        place = head.split(b"IDAT", 1)[0].find(b"acTL")
        return place >= 0 and int.from_bytes(head[place + 4 : place + 8], "big") > 1
    return head[4:8] == b"ftyp" and bool(top_box(path, b"moov")) and _container(path) == "video"


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
        options = {"protocol_whitelist": "file", "pattern_type": "none"}
        with av.open(f"file:{path.absolute()}", options=options, metadata_errors="ignore") as media:
            if _NO_MEDIA & set(media.format.name.split(",")):
                return None
            if pictures(media):
                return "image" if media.format.name == "image2" or media.format.name.endswith("_pipe") else "video"
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
