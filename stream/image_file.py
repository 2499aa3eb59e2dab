"""Images in files. OpenCV's own reading and writing ends the process where a name is no UTF-8."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .atomic import write_bytes
from .errors import SourceError
from .types import Image


def read_image(path: Path) -> Image | None:
    """Return an image upright (EXIF), HxWx3 uint8 BGR; None where it is none, or can't be read."""
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, np.uint8)


def stored_image(path: Path) -> Image:
    """Return an HxWx3 BGR image that is known to be there. Raises SourceError where it can't be read."""
    image = read_image(path)
    if image is None:
        raise SourceError(f"{path}: no image can be read")
    return image


def write_image(path: Path, image: Image, *options: int) -> None:
    """Write HxWx3 BGR whole or not at all, in the format of the suffix, with options of imencode. Raises OSError."""
    good, data = cv2.imencode(path.suffix, image, options)
    if not good:
        raise OSError(f"{path}: the image could not be encoded")
    write_bytes(path, data.tobytes())
