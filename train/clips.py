"""Cut the faces of labelled clips for evaluation: `python -m truefeed.train.clips DATA OUT.npz`.

Reads DATA/clips/manifest.csv and cuts the largest face of frames spread evenly over each clip. The crops are stored at
the scale of train.faces, so that one file serves every size and scale a network may want.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..stream.faces.align import crop, face_px
from ..stream.faces.detect import CenterFace
from .faces import SCALE, largest, rows, spread


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.clips", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=16, help="frames a clip")
    args = parser.parse_args(argv)
    detector = CenterFace(long_side=640)
    table: dict[str, list[object]] = {key: [] for key in ("png", "clip", "label", "method", "target", "px", "time")}
    missing = []
    for row in rows(args.data / "clips" / "manifest.csv"):
        images, times = spread(args.data / "clips" / row["path"], args.frames)
        found = 0
        for image, t in zip(images, times, strict=True):
            faces = detector.detect(image)
            if not faces:
                continue
            face = largest(faces)
            px = face_px(face.points)
            size = int(np.clip(round(px * SCALE / 2) * 2, 96, 544))
            cut = crop(image, face.points, size, SCALE)
            table["png"].append(cv2.imencode(".png", cut)[1])
            for key, value in (
                ("clip", row["path"]),
                ("label", int(row["label"] == "fake")),
                ("method", row["method"]),
            ):
                table[key].append(value)
            table["target"].append(row["target_id"])
            table["px"].append(px)
            table["time"].append(t)
            found += 1
        if not found:
            missing.append(row["path"])
    png = np.empty(len(table["png"]), object)
    png[:] = table.pop("png")
    columns: dict[str, Any] = {key: np.array(value) for key, value in table.items()}
    np.savez(args.out, png=png, **columns)
    sys.stderr.write(f"{len(png)} faces cut; clips without a face: {missing or 'none'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
