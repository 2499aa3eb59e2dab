"""Cut the faces of labelled clips for evaluation: `python -m truefeed.train.data.dev_clips DATA OUT.npz`.

Reads DATA/clips/manifest.csv and cuts the largest face of frames spread evenly over each clip. The crops are stored at
the scale of train.data.face_crops, so that one file serves every size and scale a network may want.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...stream.faces.align import crop, face_px
from ...stream.faces.centerface import CenterFace
from ...stream.types import Image
from .face_crops import SCALE, largest, rows, spread


class Table:
    """Faces of labelled clips, as train.face.dev_auc reads them."""

    def __init__(self) -> None:
        self._columns: dict[str, list[object]] = {}
        self._png: list[object] = []

    def __len__(self) -> int:
        return len(self._png)

    def add(self, image: Image, **columns: object) -> None:
        """Take a crop (S, S, 3) at the scale of face_crops and its clip, label, method, target, px and time."""
        self._png.append(cv2.imencode(".png", image)[1])
        for name, value in columns.items():
            self._columns.setdefault(name, []).append(value)

    def save(self, path: Path) -> None:
        png = np.empty(len(self._png), object)
        png[:] = self._png
        columns: dict[str, Any] = {name: np.array(values) for name, values in self._columns.items()}
        np.savez(path, png=png, **columns)


def stored_px(face: float) -> int:
    """Return the side of the stored crop of a face of so many px: nothing is magnified much."""
    return int(np.clip(round(face * SCALE / 2) * 2, 96, 544))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.data.dev_clips", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=16, help="frames a clip")
    args = parser.parse_args(argv)
    detector = CenterFace(long_side=640)
    table = Table()
    missing = []
    for row in rows(args.data / "clips" / "manifest.csv"):
        images, times = spread(args.data / "clips" / row["path"], args.frames)
        before = len(table)
        for image, t in zip(images, times, strict=True):
            faces = detector.detect(image)
            if not faces:
                continue
            face = largest(faces)
            px = face_px(face.points)
            cut = crop(image, face.points, stored_px(px), SCALE)
            label = int(row["label"] == "fake")
            table.add(cut, clip=row["path"], label=label, method=row["method"], target=row["target_id"], px=px, time=t)
        if len(table) == before:
            missing.append(row["path"])
    table.save(args.out)
    sys.stderr.write(f"{len(table)} faces cut; clips without a face: {missing or 'none'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
