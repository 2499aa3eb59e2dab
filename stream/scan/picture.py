"""Still pictures of every kind, read upright, and not before it is known that they are of a size that can be judged."""

from __future__ import annotations

import mmap
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..sources.base import Tally
from ..sources.decoder import VideoDecoder
from ..sources.selection import decodable
from ..types import Image
from .heif import is_heif, read_heif
from .jpeg import Jpeg

_LARGE = 64_000_000
"More pixels than this are brought down to a half, a quarter or an eighth of the sides."
_MOST = 256_000_000
"Pixels that are decoded at all; a JPEG is brought down while it is decoded, so it may have more."
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS = "damaged, or a picture of a kind that cannot be decoded (convert it to JPEG or PNG)"


def read_picture(path: Path) -> Image:
    """Read a picture upright (the orientation that EXIF or HEIF tell applied).

    Returns:
        HxWx3, uint8, BGR; of more than 64 million pixels a smaller copy.

    Raises:
        SourceError: it cannot be decoded, or is larger than anything that can be judged.
    """
    data = np.fromfile(path, np.uint8)
    head = data[: 1 << 16].tobytes()
    if head.startswith(_PNG) and not _png_is_whole(data):
        raise SourceError(f"{path}: damaged: a part of it is longer than the file")
    height, width = _size(data, head)
    by = next((by for by in (1, 2, 4, 8) if height * width <= _LARGE * by * by), 0)
    if not by or (height * width > _MOST and not head.startswith(b"\xff\xd8")):
        raise SourceError(f"{path}: {width} x {height} pixels are more than can be judged")
    image = None if _turned(head) else _decoded(data, by)
    if image is None:
        image = _by_ffmpeg(path)
    if image is None and is_heif(head):
        image = read_heif(path, _LARGE)
    if image is None or image.size == 0:
        raise SourceError(f"{path}: {_KINDS}")
    return image


def unreadable(path: Path, image: Image) -> float | None:
    """Return the share of a JPEG that is not there, 0..1; None where nothing is missing. What was decoded is HxWx3."""
    with path.open("rb") as file:
        if file.read(3) != b"\xff\xd8\xff":
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if Jpeg(data).end is not None:
                return None
    # The decoder fills what is missing with one colour.
    rows = (image[1:] == image[:-1]).all(axis=(1, 2))[::-1]
    return float(rows.argmin() if not rows.all() else len(rows)) / len(image)


def _decoded(data: npt.NDArray[np.uint8], by: int) -> Image | None:
    try:
        if by > 1:
            image = cv2.imdecode(data, _REDUCED[by])
            return None if image is None else np.asarray(image, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if image is not None and image.dtype == np.uint16:
            # Scanners and cameras store 10, 12 or 14 bits in 16: by the usual eight bits down they would be black.
            spare = max(int(image.max()).bit_length() - 8, 0)
            return np.right_shift(np.asarray(image, np.uint16), spare).astype(np.uint8)
        if image is not None and image.dtype != np.uint8:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)


def _by_ffmpeg(path: Path) -> Image | None:
    """Read what OpenCV does not: Targa, PCX, QOI and others, HEIF of one piece, what HEIF says is to be turned."""
    try:
        with av.open(f"file:{path.absolute()}", options=_ONE_FILE, metadata_errors="ignore") as media:
            # The tiles of a picture are `dependent`: which belongs where is not told. See `heif`.
            whole = [s for s in media.streams.video if decodable(s) and not s.disposition & _TILE]
            if not whole or whole[0].codec_context.width * whole[0].codec_context.height > _LARGE:
                return None
            whole[0].codec_context.thread_count = 1
            for frame in media.decode(whole[0]):
                return VideoDecoder(whole[0], Tally()).picture(frame)
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return None


_ONE_FILE = {"protocol_whitelist": "file", "pattern_type": "none"}
_TILE = av.stream.Disposition.dependent


def _turned(head: bytes) -> bool:
    """Tell whether it is a HEIF picture with an orientation, which OpenCV leaves out."""
    return head[4:8] == b"ftyp" and (b"irot" in head or b"imir" in head)


def _png_is_whole(data: npt.NDArray[np.uint8]) -> bool:
    """Tell whether no chunk says that it goes on beyond the end: 4 GB may be said, and are then reserved."""
    place = len(_PNG)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4].tobytes(), "big")
        if data[place + 4 : place + 8].tobytes() == b"IEND":
            return True
        place += 12 + length
    return place <= len(data)


def _size(data: npt.NDArray[np.uint8], head: bytes) -> tuple[int, int]:
    """Return (height, width), px, as a picture says them; zeros where it is of a kind that never is large."""
    if head.startswith(b"\xff\xd8"):
        return Jpeg(data.data).size or (0, 0)
    if head.startswith(_PNG):
        return int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big")
    if head.startswith(b"BM"):
        return abs(int.from_bytes(head[22:26], "little", signed=True)), int.from_bytes(head[18:22], "little")
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_size(data, "little" if head[:1] == b"I" else "big")
    return 0, 0


def _tiff_size(data: npt.NDArray[np.uint8], order: str) -> tuple[int, int]:
    def number(place: int, length: int) -> int:
        return int.from_bytes(data[place : place + length].tobytes(), order)  # type: ignore[arg-type]

    sides = {256: 0, 257: 0}
    start = number(4, 4)
    for entry in range(start + 2, start + 2 + 12 * number(start, 2), 12):
        if number(entry, 2) in sides:
            sides[number(entry, 2)] = number(entry + 8, 2 if number(entry + 2, 2) == 3 else 4)
    return sides[257], sides[256]
