"""Worn crops of every still and those it is judged by, and what frozen trunks say of them.

A bank is a folder. The crops that are learnt from went through a random history, alike for both classes; those that a
picture is judged by through each of dataset.CONDITIONS, cut as in live use.
`python -m truefeed.train.synthetic.bank --help`
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ..face.efficientnet_lite import EfficientNetLite
from ..face.pairs import normalise
from . import dataset
from .dataset import CONDITIONS, Still
from .networks import Moments

STAGES = (0, 1, 2, 3, 4, 5, 6)
"Stages whose moments a bank keeps."
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Bank:
    """What is known of the pictures: P of them, N worn crops, J crops to judge by."""

    stills: Sequence[Still]
    worn: npt.NDArray[np.float32]
    "(N, D) moments."
    worn_of: npt.NDArray[np.int64]
    "(N,) the picture of each."
    seen: npt.NDArray[np.float32]
    "(J, D)"
    seen_of: npt.NDArray[np.int64]
    "(J, 2) the picture of each, and its condition."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    stills = thinned(dataset.read(args.data, args.out), args.most, args.seed)
    draw(stills, args.draws, args.out, args.seed)
    for trunk in args.trunk:
        measure(trunk, args.out)
    return 0


def thinned(stills: Sequence[Still], most: int, seed: int) -> list[Still]:
    """Return at most so many pictures of each source of the genuine ones beside the roads, drawn by chance."""
    rng, groups = np.random.default_rng(seed), dict[str, list[Still]]()
    for still in stills:
        groups.setdefault(f"{still.source} {still.fake}", []).append(still)
    out = []
    for _, mine in sorted(groups.items()):
        order = rng.permutation(len(mine))
        out += [mine[i] for i in (order[:most] if mine[0].road == "real" else order)]
    return out


def draw(stills: Sequence[Still], draws: int, out: Path, seed: int) -> None:
    """Write the crops, (N, S, S, 3) and (J, S, S, 3) BGR, and what they show."""
    worn, seen, worn_of, seen_of = [], [], [], []
    began = time.monotonic()
    for number, still in enumerate(stills):
        image, points = dataset.load(still)
        for i in range(draws):
            worn.append(dataset.worn(image, points, np.random.default_rng([seed, number, i])))
            worn_of.append(number)
        for condition, name in enumerate(CONDITIONS):
            if condition == 0 or still.road not in ("real", "clips"):
                seen.append(dataset.seen(image, points, name))
                seen_of.append((number, condition))
        if number % 200 == 0:
            sys.stderr.write(f"{number}/{len(stills)} pictures  {time.monotonic() - began:.0f} s\n")
    np.save(out / "worn.npy", np.stack(worn))
    np.save(out / "seen.npy", np.stack(seen))
    np.savez(out / "index.npz", names=[s.name for s in stills], worn_of=worn_of, seen_of=seen_of)


def measure(trunk: str, out: Path) -> None:
    """Write the moments of all crops that a trunk (named in `network`) has: NAME.npz with `worn` and `seen`."""
    moments = Moments([network(trunk)], STAGES).eval()
    worn, seen = (_run(moments, np.load(out / f"{name}.npy", mmap_mode="r")) for name in ("worn", "seen"))
    np.savez(out / f"{Path(trunk).stem}.npz", worn=worn, seen=seen)


def network(name: str) -> EfficientNetLite:
    """Return a trunk: `imagenet`, or the file of a state dict of one, as from_still writes it."""
    trunk = EfficientNetLite()
    if name == "imagenet":
        trunk.load_imagenet()
    else:
        trunk.load_state_dict(torch.load(name, map_location="cpu", weights_only=True))
    return trunk.eval()


@torch.no_grad()
def _run(moments: Moments, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    rows = [crops[i : i + _BATCH] for i in range(0, len(crops), _BATCH)]
    found = [
        moments(torch.from_numpy(normalise(batch)).contiguous(memory_format=torch.channels_last)) for batch in rows
    ]
    return torch.cat(found).numpy()


def read(folder: Path, data: Path, trunks: Sequence[str], stages: Sequence[int]) -> Bank:
    """Read the moments of some stages of some trunks, trunk by trunk as networks.Moments gives them."""
    index = np.load(folder / "index.npz")
    known = {still.name: still for still in dataset.read(data, folder)}
    tables = [np.load(folder / f"{Path(trunk).stem}.npz") for trunk in trunks]
    columns = [_columns(trunk, stages) for trunk in trunks]
    worn, seen = (
        np.concatenate([table[name][:, c] for table, c in zip(tables, columns, strict=True)], 1)
        for name in ("worn", "seen")
    )
    stills = [known[str(name)] for name in index["names"]]
    return Bank(stills, worn, index["worn_of"], seen, index["seen_of"])


def _columns(trunk: str, stages: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return where the moments of some stages lie among those of STAGES."""
    widths = [2 * width for width in WIDTHS]
    ends = np.cumsum([0, *widths])
    return np.concatenate([np.arange(ends[s], ends[s + 1]) for s in stages])


WIDTHS = (16, 24, 40, 80, 112, 192, 320)
"Channels of each stage of EfficientNet-Lite0."


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.synthetic.bank", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="has faces/ and clips/, each with a manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bank")
    parser.add_argument("--trunk", nargs="+", default=["imagenet"], help="`imagenet`, or files that from_still wrote")
    parser.add_argument("--most", type=int, default=150, help="genuine pictures of a source that is no road")
    parser.add_argument("--draws", type=int, default=3, help="worn crops of each picture")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    sys.exit(main())
