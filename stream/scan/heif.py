"""HEIF pictures of tiles, as telephones make them, which neither OpenCV nor FFmpeg puts together: by libheif."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import MissingExtraError
from ..types import Image

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"miaf", b"msf1"}
"Of the still pictures that libheif reads and FFmpeg may not; AVIF is not among them."


def is_heif(head: bytes) -> bool:
    """Tell whether a file that begins so is a HEIF picture."""
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def read_heif(path: Path, most: int) -> Image | None:
    """Read a HEIF picture upright.

    Args:
        path: of the file.
        most: pixels; a larger picture is not decoded.

    Returns:
        HxWx3, uint8, BGR; None where it cannot be decoded, or is too large.

    Raises:
        MissingExtraError: the extra `heif` is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("pillow-heif (for HEIC pictures of tiles)", "heif") from error
    try:
        picture = pillow_heif.open_heif(path, convert_hdr_to_8bit=True, bgr_mode=True)
        width, height = picture.size
        if not 0 < width * height <= most:
            return None
        return np.ascontiguousarray(np.asarray(picture)[:, :, :3], np.uint8)
    except (OSError, ValueError, RuntimeError, IndexError, EOFError):  # whatever libheif finds wrong with it
        return None
