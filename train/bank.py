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

from ..stream.values import Floats
from .data import Pairs, PairSettings

_CHUNK = 64
_SPREAD = 8
"Chunks that a batch is drawn from, at least."


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


def chunks(folder: Path) -> list[Path]:
    """Return what was written so far in the folder of one size, in order."""
    return sorted(file for file in folder.glob("*.npy") if file.name.count(".") == 1)


def taught(chunk: Path) -> Path:
    """Name the file beside a chunk in which train.teach writes what a teacher says of it."""
    return chunk.with_suffix(".taught.npy")


class Bank(IterableDataset[tuple[Tensor, ...]]):
    """An endless stream of batches, from what there is by then.

    Yields (B, 2, 3, S, S) RGB uint8, (B, 2, m, m) masks, m = S / 16, and where it has a teacher (B, 2) logits.
    """

    def __init__(
        self, folders: list[Path], size: int, batch: int, seed: int, *, stored: int = 0, taught: bool = False
    ) -> None:
        """Prepare.

        Args:
            folders: that train.bank wrote.
            size: side of the crops, px.
            batch: pairs.
            seed: of what is drawn.
            stored: side of the crops in the bank, px; 0: as `size`. Others are resized.
            taught: only pairs that train.teach has seen.

        Raises:
            FileNotFoundError: there are no such pairs.
        """
        self.folders, self.batch, self.seed = [folder / str(stored or size) for folder in folders], batch, seed
        self.size, self.taught = size, taught
        if not self.files():
            raise FileNotFoundError(
                f"{folders[0]}: no pairs of {stored or size} px; run python -m truefeed.train."
                + ("teach first" if taught else "bank first")
            )

    def files(self) -> list[Path]:
        return [f for folder in self.folders for f in chunks(folder) if not self.taught or taught(f).exists()]

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        files, drawn = self.files(), 0
        while True:
            if drawn % 50 == 49:
                files = self.files()
            drawn += 1
            crops, masks, logits = self.draw(files, rng)
            both = np.stack([np.zeros_like(masks), masks], 1).astype(np.float32) / 255
            batch = (torch.from_numpy(crops), torch.from_numpy(both))
            yield (*batch, torch.from_numpy(logits)) if self.taught else batch

    def draw(
        self, files: list[Path], rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Floats]:
        crops, masks, logits = [], [], []
        spread = max(_SPREAD, -(-self.batch // _CHUNK))
        for count in np.diff(np.linspace(0, self.batch, spread + 1).astype(int)):
            file = files[int(rng.integers(len(files)))]
            rows = np.sort(rng.choice(_CHUNK, count, replace=False))
            pixels, marks = np.load(file, mmap_mode="r")[rows], np.load(file.with_suffix(".mask.npy"))[rows]
            if pixels.shape[2] != self.size:
                pixels, marks = self._resized(pixels, marks, rng)
            mirrored = rng.random() < 0.5
            crops.append(pixels[:, :, :, ::-1] if mirrored else pixels)
            masks.append(marks[:, :, ::-1] if mirrored else marks)
            logits.append(np.load(taught(file))[rows] if self.taught else np.empty((count, 2), np.float32))
        bgr = np.concatenate(crops)
        return (
            np.ascontiguousarray(bgr[..., ::-1].transpose(0, 1, 4, 2, 3)),
            np.concatenate(masks),
            np.concatenate(logits),
        )

    def _resized(
        self, pixels: npt.NDArray[np.uint8], marks: npt.NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC]))
        flat = pixels.reshape(-1, *pixels.shape[2:])
        small = np.empty((len(flat), self.size, self.size, 3), np.uint8)
        for i, picture in enumerate(flat):
            small[i] = cv2.resize(picture, (self.size, self.size), interpolation=how)
        side = self.size // 16
        return small.reshape(*pixels.shape[:2], *small.shape[1:]), np.array(
            [cv2.resize(mark, (side, side), interpolation=cv2.INTER_AREA) for mark in marks], np.uint8
        ).reshape(-1, side, side)


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
