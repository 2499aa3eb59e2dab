"""Make pairs ahead with every core, for trainings that outrun one: `python -m truefeed.train.face.pair_bank --help`.

Writes OUT/SIZE/NAME.npy, (n, 2, S, S, 3) BGR of genuine and fake, and NAME.mask.npy, (n, m, m), a chunk at a time, so
that a training can begin with the first ones (train.face.train_encoder --bank).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ...stream.atomic import replacing
from ...stream.pool import Pool
from .pairs import Pairs, PairSettings

_CHUNK = 64
_SPREAD = 8
"Chunks that a batch is drawn from, at least."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    chunks = -(-args.pairs // _CHUNK)
    began = time.monotonic()
    with closing(Pool(_write, args.workers, _start, (args,)).each(range(chunks))) as written:
        for done, _ in enumerate(written, 1):
            if done % 100 == 0 or done == chunks:
                rate = done * _CHUNK / (time.monotonic() - began)
                sys.stderr.write(f"{args.out}: {done * _CHUNK} pairs, {rate:.0f} a second\n")
            if time.monotonic() - began > args.seconds:
                break
    return 0


_PAIRS: list[Pairs] = []
_ARGS: list[argparse.Namespace] = []


def _start(args: argparse.Namespace) -> None:
    cv2.setNumThreads(1)
    settings = PairSettings(size=max(args.sizes))
    _PAIRS[:] = [Pairs(args.dataset, settings, args.seed, args.renders)]
    _ARGS[:] = [args]


def _write(number: int) -> None:
    args, pairs = _ARGS[0], _PAIRS[0]
    rng = np.random.default_rng([args.seed, number])
    drawn = [pairs.pictures(rng) for _ in range(_CHUNK)]
    for size in args.sizes:
        found = [pairs.cropped(*pictures, size, rng) for pictures in drawn]
        folder = args.out / str(size)
        masks = np.stack([mask for _, mask in found])
        np.save(folder / f"{number:06d}.mask.npy", (masks * 255).round().astype(np.uint8))
        store(folder / f"{number:06d}.npy", np.stack([crops for crops, _ in found]))


def store(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array of any shape at once or not at all: a training may be reading."""
    with replacing(path) as part:
        np.save(part, array)


def chunks(folder: Path) -> list[Path]:
    """Return what was written so far in the folder of one size, in order."""
    return sorted(file for file in folder.glob("*.npy") if file.name.count(".") == 1)


class Bank(IterableDataset[tuple[Tensor, ...]]):
    """An endless stream of batches, from what there is by then.

    Yields (B, 2, 3, S, S) RGB uint8 and (B, 2, m, m) masks, m = S / 16.
    """

    def __init__(self, folders: list[Path], size: int, batch: int, seed: int, *, stored: int = 0) -> None:
        """Prepare.

        Args:
            folders: that train.face.pair_bank wrote.
            size: side of the crops, px.
            batch: pairs.
            seed: of what is drawn.
            stored: side of the crops in the bank, px; 0: as `size`. Others are resized.

        Raises:
            FileNotFoundError: there are no such pairs.
        """
        self.folders, self.batch, self.seed = [folder / str(stored or size) for folder in folders], batch, seed
        self.size = size
        if not self.files():
            raise FileNotFoundError(
                f"{folders[0]}: no pairs of {stored or size} px; run python -m truefeed.train.face.pair_bank first"
            )

    def files(self) -> list[Path]:
        return [f for folder in self.folders for f in chunks(folder)]

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        files, drawn = self.files(), 0
        while True:
            if drawn % 50 == 49:
                files = self.files()
            drawn += 1
            crops, masks = self.draw(files, rng)
            both = np.stack([np.zeros_like(masks), masks], 1).astype(np.float32) / 255
            yield torch.from_numpy(crops), torch.from_numpy(both)

    def draw(self, files: list[Path], rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return a batch of pairs, (B, 2, 3, S, S) RGB, and the masks of their fakes, (B, m, m)."""
        spread = max(_SPREAD, -(-self.batch // _CHUNK))
        counts = np.diff(np.linspace(0, self.batch, spread + 1).astype(int))
        crops, masks = map(np.concatenate, zip(*(self._some(files, int(n), rng) for n in counts), strict=True))
        return np.ascontiguousarray(crops[..., ::-1].transpose(0, 1, 4, 2, 3)), masks

    def _some(self, files: list[Path], count: int, rng: np.random.Generator) -> tuple[npt.NDArray[Any], ...]:
        """Draw pairs of one chunk: (n, 2, S, S, 3) BGR and (n, m, m) masks."""
        file = files[int(rng.integers(len(files)))]
        rows = np.sort(rng.choice(_CHUNK, count, replace=False))
        pixels, marks = np.load(file, mmap_mode="r")[rows], np.load(file.with_suffix(".mask.npy"))[rows]
        if pixels.shape[2] != self.size:
            how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC]))
            small = _resized(pixels.reshape(-1, *pixels.shape[2:]), self.size, how)
            pixels = small.reshape(*pixels.shape[:2], *small.shape[1:])
            marks = _resized(marks, self.size // 16, cv2.INTER_AREA)
        if rng.random() < 0.5:
            pixels, marks = pixels[:, :, :, ::-1], marks[:, :, ::-1]
        return pixels, marks


def _resized(pictures: npt.NDArray[np.uint8], side: int, how: int) -> npt.NDArray[np.uint8]:
    """(n, S, S, ...) to (n, side, side, ...)."""
    out = np.empty((len(pictures), side, side, *pictures.shape[3:]), np.uint8)
    for i, picture in enumerate(pictures):
        out[i] = cv2.resize(picture, (side, side), interpolation=how)
    return out


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.pair_bank", description=__doc__)
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument("--renders", type=Path, help="the folder that truefeed.train.face.reenact_train wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[192], help="sides of the crops, px")
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    for size in args.sizes:
        (args.out / str(size)).mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    sys.exit(main())
