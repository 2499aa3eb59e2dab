"""Measure how genuine and manipulated faces move: `python -m truefeed.train.face.motion_stats --help`.

The clips of the training part are cut into stretches of about a second; each gives some genuine and some manipulated
versions, every one coded anew, and all go through the measuring of live video (stream.faces.motion_features).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from ...stream.faces.centerface import CenterFace
from ...stream.faces.motion_features import measure
from ...stream.types import Floats, Image
from ..data.face_crops import rows
from ..data.landmarks import FaceMesh
from .fake_clips import Coding, Stretch, coded, manipulated, stretches
from .pairs import Pairs, PairSettings

_STEP = 3
"Frames between two measurements."
_SWAPS = 0.4
"Share of the fakes that are swaps."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.motion_stats", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with clips/manifest.csv")
    parser.add_argument(
        "--faces", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote: donors"
    )
    parser.add_argument("--out", type=Path, required=True, help="the table, .npz")
    parser.add_argument("--reals", type=int, default=2, help="genuine versions of each stretch")
    parser.add_argument("--fakes", type=int, default=4, help="manipulated versions of each stretch")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    rng, pairs = np.random.default_rng(args.seed), Pairs(args.faces, PairSettings(), args.seed)
    detector, mesh = CenterFace(long_side=320), FaceMesh()
    measured: list[Floats] = []
    told: list[tuple[int, str]] = []
    for row in rows(args.data / "clips" / "manifest.csv"):
        if not row["path"].startswith("real/"):
            continue
        for stretch in stretches(args.data / "clips" / row["path"], row["target_id"], detector, mesh):
            for fake in (*[0] * args.reals, *[1] * args.fakes):
                measured.append(_measured(stretch, _version(stretch, pairs, rng, fake=bool(fake)), rng))
                told.append((fake, stretch.identity))
        sys.stderr.write(f"{row['path']}  {len(measured)} versions\n")
    np.savez(
        args.out,
        rows=np.stack(measured),
        label=np.array([label for label, _ in told]),
        identity=np.array([identity for _, identity in told]),
    )
    return 0


def _version(stretch: Stretch, pairs: Pairs, rng: np.random.Generator, *, fake: bool) -> list[Image]:
    images = stretch.images
    if fake:
        donor = pairs.draw(rng) if rng.random() < _SWAPS else None
        images = manipulated(stretch, donor, rng)
    return coded(images, Coding.draw(rng), rng)


def _measured(stretch: Stretch, images: list[Image], rng: np.random.Generator) -> Floats:
    """(n, COLUMNS), one row every _STEP frames; the points are found as well as a detector does."""
    share = images[0].shape[0] / stretch.images[0].shape[0]
    out = []
    for i in range(2, len(images), _STEP):
        points = stretch.points[i] * share
        out.append(measure(images[i - 2 : i + 1], points + rng.normal(0, 0.3, points.shape).astype(np.float32)))
    return np.stack(out)


if __name__ == "__main__":
    sys.exit(main())
