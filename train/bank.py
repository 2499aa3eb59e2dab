"""Make pairs ahead with every core, for trainings that outrun what one draws: `python -m truefeed.train.bank --help`.

Writes OUT/SIZE/NAME.npy, (n, 2, S, S, 3) BGR of genuine and fake, and NAME.mask.npy, (n, m, m), a chunk at a time, so
that a training can begin with the first ones (train.video --bank).
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from .data import Pairs, PairSettings

_CHUNK = 64
_SPREAD = 8
"Chunks that a batch is drawn from."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    chunks = -(-args.pairs // _CHUNK)
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(args.workers, _start, (args,)) as pool:
        for done, _ in enumerate(pool.imap_unordered(_write, range(chunks)), 1):
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
        part = folder / f"{number:06d}.part"
        with part.open("wb") as file:
            np.save(file, np.stack([crops for crops, _ in found]))
        part.rename(folder / f"{number:06d}.npy")


class Bank(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of batches, (B, 2, 3, S, S) RGB uint8 and (B, 2, m, m) masks, from what there is by then."""

    def __init__(self, folders: list[Path], size: int, batch: int, seed: int) -> None:
        """Raises FileNotFoundError where there are no pairs of this size."""
        self.folders, self.batch, self.seed = [folder / str(size) for folder in folders], batch, seed
        if not self.files():
            raise FileNotFoundError(f"{folders[0]}: no pairs of {size} px; run python -m truefeed.train.bank first")

    def files(self) -> list[Path]:
        return sorted(f for folder in self.folders for f in folder.glob("*.npy") if not f.name.endswith(".mask.npy"))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
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
        crops, masks = [], []
        for count in np.diff(np.linspace(0, self.batch, _SPREAD + 1).astype(int)):
            file = files[int(rng.integers(len(files)))]
            rows = np.sort(rng.choice(_CHUNK, count, replace=False))
            pixels, marks = np.load(file, mmap_mode="r")[rows], np.load(file.with_suffix(".mask.npy"))[rows]
            mirrored = rng.random() < 0.5
            crops.append(pixels[:, :, :, ::-1] if mirrored else pixels)
            masks.append(marks[:, :, ::-1] if mirrored else marks)
        bgr = np.concatenate(crops)
        return np.ascontiguousarray(bgr[..., ::-1].transpose(0, 1, 4, 2, 3)), np.concatenate(masks)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.bank", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="the folder that truefeed.train.faces wrote")
    parser.add_argument("--renders", type=Path, help="the folder that truefeed.train.render wrote")
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
