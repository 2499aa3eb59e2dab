"""What a readout is taught from: `python -m truefeed.train.face.readout_bank --help`.

Of faces spread over each clip, as they came and as cameras, codecs and networks spoil them, and of pseudo-fakes beside
the genuine faces that they were made of, OUT/statistics.npz holds what train.face.readout says of them. What spoils a
clip is drawn by its person: a fake and its original fare alike.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ...stream.types import Image
from ..common.loop import autocast
from ..data.face_crops import recut
from ..data.labelled_faces import LabelledFaces
from .checkpoints import read_encoder
from .degrade import degrade
from .labelled_pairs import LabelledPairs
from .left_out import spread
from .networks import FaceEncoder
from .pairs import PairSettings, normalise
from .readout import Readout

PSEUDO = "pseudo"
"Name of the clip of every face that was drawn for pseudo-fakes."
_FRAMES = 8
"Of each clip."
_KINDS = ("pseudo", "live", "live")
_LEAST_PX = 96
"Side that stored crops are not made smaller than."
_BATCH = 32


@dataclass(frozen=True, eq=False)
class ReadoutBank:
    """One row a face."""

    statistics: npt.NDArray[np.float16]
    clip: npt.NDArray[np.str_]
    copy: npt.NDArray[np.integer]
    "0 as it came, else the number of the spoilt copy."
    label: npt.NDArray[np.integer]
    identity: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    t: npt.NDArray[np.floating]

    @classmethod
    def read(cls, path: Path) -> ReadoutBank:
        """Read statistics.npz."""
        with np.load(path) as table:
            return cls(**{name: table[name] for name in table.files})


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = LabelledFaces.read(args.dataset)
    model = read_encoder(args.encoder)
    readout = Readout(model.settings.trunk, args.size).eval()
    readout.take(model.trunk)
    settings = PairSettings(size=args.size)
    asked = spread(faces.clip, _FRAMES)
    plan = [(copy, int(row)) for copy in range(args.copies + 1) for row in asked]
    never = faces.named(args.never)
    plan = [(copy, row) for copy, row in plan if copy == 0 or not never[row]]
    drawn = LabelledPairs(faces.rows(~never), settings, args.seed)
    found = list(_asked(model, readout, (_crop(faces, copy, row, settings) for copy, row in plan)))
    who = [faces.identity[row] for _, row in plan]
    for number in range(args.pseudo):
        pair = drawn.draw(_KINDS[number % len(_KINDS)])
        found += _asked(model, readout, pair.crops)
        who += [drawn.faces.identity[row] for row in pair.rows]
    made = 2 * args.pseudo
    rows = np.array([row for _, row in plan])
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez(
        args.out / "statistics.npz",
        statistics=np.stack(found),
        clip=np.r_[faces.clip[rows], np.full(made, PSEUDO)],
        copy=np.r_[[copy for copy, _ in plan], np.zeros(made, int)].astype(int),
        label=np.r_[faces.label[rows], np.arange(made) % 2],
        identity=np.array(who),
        group=np.r_[faces.group[rows], np.full(made, PSEUDO)],
        t=np.r_[faces.t[rows], np.zeros(made)],
    )
    sys.stderr.write(f"{args.out / 'statistics.npz'}: {len(found)} faces, {args.pseudo} of them pseudo-fakes\n")
    return 0


def _crop(faces: LabelledFaces, copy: int, row: int, settings: PairSettings) -> Image:
    """Cut a face as live video does, of a copy that was spoilt, if it is not the first."""
    image = faces.image(row)
    if copy:
        rng = np.random.default_rng(zlib.crc32(f"{faces.identity[row]}/{copy}".encode()))
        side = image.shape[0]
        if rng.random() < 0.6:
            side = int(rng.uniform(min(_LEAST_PX, side), side))
            image = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        image = degrade([image], rng)[0]
    matrix = recut(image.shape[0], settings.size, settings.scale)
    cut = cv2.warpAffine(image, matrix, (settings.size,) * 2, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


@torch.no_grad()
def _asked(model: FaceEncoder, readout: Readout, crops: Iterable[Image]) -> Iterator[npt.NDArray[np.float16]]:
    batch: list[Image] = []
    for crop in chain(crops, [None]):
        if crop is not None:
            batch.append(crop)
        if batch and (crop is None or len(batch) == _BATCH):
            x = torch.from_numpy(normalise(np.stack(batch))).to(memory_format=torch.channels_last)
            with autocast("cpu"):
                yield from readout.statistics(x, model.shared(x)).half().numpy()
            batch = []


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.readout_bank", description=__doc__)
    parser.add_argument("--dataset", type=Path, nargs="+", required=True, help="folders with labelled.npz")
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint whose features are read")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--never", nargs="*", default=(), metavar="PREFIX", help="clips that are asked of, and never learned from"
    )
    parser.add_argument("--copies", type=int, default=3, help="spoilt copies of each face")
    parser.add_argument("--pseudo", type=int, default=900, help="pseudo-fakes, each beside its genuine face")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
