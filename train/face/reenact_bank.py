"""What train.face.reenact_train rendered, read back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ...stream.types import Image
from .reenact_targets import REGIONS, placed


class Renders:
    """Pictures of every genuine face that decoders rendered."""

    def __init__(self, folder: Path) -> None:
        """Open. Raises FileNotFoundError where there are none."""
        names = sorted(file.stem for file in folder.glob("*.npz"))
        if not names:
            raise FileNotFoundError(f"{folder}: no renders; run python -m truefeed.train.face.reenact_train first")
        self._pictures = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in names]
        self._regions = [np.load(folder / f"{name}.npz")["region"] for name in names]

    def draw(self, index: int, image: Image, rng: np.random.Generator) -> tuple[Image, str]:
        """Draw a picture of the face, laid over its stored crop (S, S, 3); return it and which region is rendered."""
        which = int(rng.integers(len(self._pictures)))
        view = int(rng.integers(self._pictures[which].shape[1]))
        matrix = cv2.invertAffineTransform(placed(image.shape[0]))
        side = image.shape[0]
        front = cv2.warpAffine(
            np.asarray(self._pictures[which][index, view]),
            matrix,
            (side, side),
            image.copy(),
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        return np.asarray(front, np.uint8), REGIONS[int(self._regions[which][index, view])]
