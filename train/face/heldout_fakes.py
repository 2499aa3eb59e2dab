"""Fakes of a kind that no training makes, of people it never saw: `python -m truefeed.train.face.heldout_fakes`.

The few dev clips choose badly between encoders that differ little. So each of their genuine clips is also given the
mouth of another moment (`retime`), which no encoder is trained on, and is reenacted, self-blended and swapped as in
training; genuine and fake are coded alike. The result is read by train.face.dev_auc, beside the dev clips and never in
their place.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from ...stream.faces.align import crop, face_px
from ...stream.faces.centerface import CenterFace
from ...stream.types import Floats, Image
from ..data.dev_clips import Table, stored_px
from ..data.face_crops import SCALE, rows
from ..data.landmarks import FaceMesh
from .blend import Fake, Subject, make, retime
from .fake_clips import FRAMES, Coding, Stretch, coded, stretches

KINDS = ("retime", "reenacted", "self", "swap")
_KEPT = (4, 14, 24)
"Frames of a stretch that are cut."
_APART = FRAMES // 2
"Frames from one moment to the other."
_SIDE = 512
"Greatest side of the coded pictures, px."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.face.heldout_fakes", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stretches", type=int, default=4, help="of each clip, a second each (default 4)")
    parser.add_argument("--crf", type=int, default=23, help="quality of the H.264 that all go through (default 23)")
    parser.add_argument("--share", type=float, default=1.0, help="resize to this share of the side first (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(args.seed)
    how = Coding("libx264", {"preset": "medium", "crf": str(args.crf)}, args.share, 0.0)
    detector, mesh = CenterFace(long_side=640), FaceMesh()
    table = Table()
    people = [
        row
        for row in rows(args.data / "clips" / "manifest.csv")
        if row["path"].startswith("dev/") and row["label"] == "real"
    ]

    def cut(row: dict[str, str], most: int) -> list[Stretch]:
        path = args.data / "clips" / row["path"]
        return list(islice(stretches(path, row["target_id"], detector, mesh, _SIDE), most))

    # Nobody is given a face of their own: each clip lends one to the next, the last to the first.
    (lender,) = cut(people[-1], 1)
    for row in people:
        found = cut(row, args.stretches)
        donor = Subject(lender.images[0], lender.mesh[0])
        for stretch in found:
            keep(table, row["path"], stretch, donor, how, int(rng.integers(1 << 31)))
        lender = found[0] if found else lender
        sys.stderr.write(f"{row['path']}  {len(table)} faces\n")
    table.save(args.out)
    return 0


def keep(table: Table, clip: str, stretch: Stretch, donor: Subject, how: Coding, seed: int) -> None:
    """Put some frames of a stretch into the table, as they are and in every kind of fake, all coded alike.

    Args:
        table: takes three frames of each version; a fake belongs to the clip `CLIP#KIND`.
        clip: its path, as manifests name it.
        stretch: genuine frames.
        donor: another person's face, for the swap.
        how: the coding.
        seed: of the treatment, which is the same for every frame of a fake.
    """
    _add(table, clip, "real", stretch, stretch.images, how)
    for kind in KINDS:
        made = [_make(kind, donor, stretch, i, np.random.default_rng(seed)).image for i in range(FRAMES)]
        _add(table, f"{clip}#{kind}", kind, stretch, made, how)


def _make(kind: str, donor: Subject, stretch: Stretch, number: int, rng: np.random.Generator) -> Fake:
    subject = Subject(stretch.images[number], stretch.mesh[number])
    other = (number + _APART) % FRAMES
    kinds: dict[str, Callable[[], Fake]] = {
        "retime": lambda: retime(subject, Subject(stretch.images[other], stretch.mesh[other]), rng),
        "reenacted": lambda: make(subject, None, rng, 1.0),
        "self": lambda: make(subject, None, rng, 0.0),
        "swap": lambda: make(subject, donor, rng),
    }
    return kinds[kind]()


def _add(table: Table, clip: str, method: str, stretch: Stretch, images: list[Image], how: Coding) -> None:
    frames = coded(images, how, np.random.default_rng(0))
    share = frames[0].shape[0] / images[0].shape[0]
    for number in _KEPT:
        points: Floats = (stretch.points[number] * share).astype(np.float32)
        px = face_px(points)
        cut = crop(frames[number], points, stored_px(px), SCALE)
        told = {"clip": clip, "label": int(method != "real"), "method": method, "target": stretch.identity}
        table.add(cut, **told, px=px, time=number / 25)


if __name__ == "__main__":
    sys.exit(main())
