"""Make many worn crops of every still ahead, on all cores, so that a GPU never waits for pictures.

A bank is a folder: the crops that are trained on (`worn.npy`), those that a left-out picture is judged by (`seen.npy`)
and what picture each shows. Nothing of the part `test` is in it. `python -m truefeed.train.synthetic.bank --help`
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...stream.errors import ConfigError
from ...stream.faces.align import crop_inside
from . import dataset
from .dataset import CONDITIONS, SIZE, VIEWS, Still


@dataclass(frozen=True, eq=False)
class Bank:
    """What a bank holds; P pictures."""

    names: list[str]
    fake: Tensor
    "(P,) bool."
    source: list[str]
    train: Tensor
    "(P,) bool: of the part `train`; the others are of `tune`."
    worn: Tensor
    "(N, S, S, 3) uint8, BGR."
    worn_of: Tensor
    "(N,) the picture of each."
    seen: Tensor
    "(J, conditions, views, S, S, 3) uint8: pictures under each of CONDITIONS, in each of VIEWS."
    seen_of: Tensor
    "(J,) the picture of each."


@dataclass(frozen=True)
class Work:
    """One picture to draw."""

    still: Still
    number: int
    start: int
    "Row of the first of its worn crops."
    count: int
    seen: int | None
    "Row of its crops to judge by."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    placed = [p for p in dataset.split(args.dataset, args.unseen, args.most, args.seed) if p.part != "test"]
    stills = dataset.read(placed, args.points)
    make(stills, args.twins, args.draws, args.others, args.out, args.jobs, args.seed)
    return 0


def make(stills: Sequence[Still], twins: str, draws: int, others: int, out: Path, jobs: int, seed: int) -> None:
    """Write a bank.

    Args:
        stills: as read.
        twins: source of the genuine pictures that the synthesised ones imitate.
        draws: worn crops of each of these and of each synthesised picture.
        others: worn crops of each other picture.
        out: the folder.
        jobs: processes; 1 is this one.
        seed: of the chance; each picture has its own, whoever draws it.

    Raises:
        ConfigError: there is too little room.
    """
    work = _plan(stills, twins, draws, others)
    rows, judged = sum(w.count for w in work), [w.number for w in work if w.seen is not None]
    shapes = (rows, SIZE, SIZE, 3), (len(judged), len(CONDITIONS), len(VIEWS), SIZE, SIZE, 3)
    out.mkdir(parents=True, exist_ok=True)
    need, free = sum(int(np.prod(s)) for s in shapes), shutil.disk_usage(out).free
    if need > free:
        raise ConfigError(f"{out}: the bank takes {need / 1e9:.1f} GB, and there are {free / 1e9:.1f}")
    for name, shape in zip(("worn", "seen"), shapes, strict=True):
        np.lib.format.open_memmap(out / f"{name}.npy", "w+", np.uint8, shape)
    np.savez(
        out / "pictures.npz",
        names=[f"{s.source}/{s.path.name}" for s in stills],
        fake=[s.fake for s in stills],
        source=[s.source for s in stills],
        train=[s.part == "train" for s in stills],
        worn_of=np.repeat([w.number for w in work], [w.count for w in work]),
        seen_of=judged,
    )
    sys.stderr.write(f"{rows} worn crops and {len(judged)} pictures to judge, {need / 1e9:.1f} GB\n")
    began, parts = time.monotonic(), [work[i : i + 16] for i in range(0, len(work), 16)]
    for number, _ in enumerate(_each(parts, out, jobs, seed), 1):
        if number % 20 == 0 or number == len(parts):
            sys.stderr.write(f"{number}/{len(parts)}  {time.monotonic() - began:.0f} s\n")


def _plan(stills: Sequence[Still], twins: str, draws: int, others: int) -> list[Work]:
    work: list[Work] = []
    start = seen = 0
    for number, still in enumerate(stills):
        mine = still.fake or still.source == twins
        work.append(Work(still, number, start, draws if mine else others, seen if mine else None))
        start, seen = start + work[-1].count, seen + mine
    return work


def _each(parts: Sequence[list[Work]], out: Path, jobs: int, seed: int) -> Iterator[int]:
    if jobs == 1:
        yield from (_draw(part, out, seed) for part in parts)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the runtimes' threads half alive
    with ProcessPoolExecutor(jobs, context) as pool:
        yield from pool.map(_draw, parts, [out] * len(parts), [seed] * len(parts))


def _draw(part: Sequence[Work], out: Path, seed: int) -> int:
    cv2.setNumThreads(1)
    worn, seen = (np.load(out / f"{name}.npy", mmap_mode="r+") for name in ("worn", "seen"))
    for work in part:
        rng, image = np.random.default_rng([seed, work.number]), dataset.load(work.still)
        for row in range(work.start, work.start + work.count):
            worn[row] = dataset.worn(image, work.still.points, rng)
        if work.seen is not None:
            seen[work.seen] = views(work.still)
    return len(part)


def views(still: Still) -> npt.NDArray[np.uint8]:
    """Return (conditions, views, S, S, 3) BGR, cut as in use, without any chance."""
    histories = [dataset.after(still, condition) for condition in CONDITIONS]
    return np.stack([np.stack([crop_inside(*after, SIZE, scale) for scale in VIEWS]) for after in histories])


def read(folder: Path, device: str) -> Bank:
    """Put a bank onto a device."""
    table = np.load(folder / "pictures.npz")
    fake, train, worn_of, seen_of = (torch.from_numpy(table[k]) for k in ("fake", "train", "worn_of", "seen_of"))
    worn, seen = (_move(folder / f"{name}.npy", device) for name in ("worn", "seen"))
    names, source = ([str(v) for v in table[k]] for k in ("names", "source"))
    return Bank(names, fake, source, train, worn, worn_of.to(device), seen, seen_of)


def _move(path: Path, device: str) -> Tensor:
    rows = np.load(path, mmap_mode="c")
    out = torch.empty(rows.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(rows), 2048):
        out[start : start + 2048] = torch.from_numpy(rows[start : start + 2048])
    return out


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.synthetic.bank", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--dataset", type=Path, required=True, help="labelled pictures; see train.data.datasets")
    parser.add_argument("--points", type=Path, required=True, help="points.npz: where the faces are; made where absent")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bank, in memory if it can be")
    parser.add_argument("--twins", default="generated/real", help="folder of the genuine pictures the fakes imitate")
    parser.add_argument("--unseen", nargs="*", default=[], help="folders of genuine pictures that are only judged")
    parser.add_argument("--most", type=int, default=600, help="pictures of a folder")
    parser.add_argument("--draws", type=int, default=64, help="crops of each synthesised picture and each twin")
    parser.add_argument("--others", type=int, default=10, help="crops of each other picture")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
