"""Windows of the clips, sent through channels and the front end; computed once and kept.

The windows to learn from are cut to lengths drawn alike for both labels, those to be asked about to one length: in the
data genuine files are longer than spoof ones, and a mean over time can tell how long it went on.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ...engines import Engine
from ...stream.audio import RATE
from ...stream.types import Floats
from .channels import disturbed, lossy, through
from .dataset import VERSIONS, Clip
from .folds import held
from .score import LEAST, window_row

DRAWS = 2
"Windows of each clip to learn from, the first one clean; a copy has one, through the very channel of the original's."
LENGTHS = (RATE, 2 * RATE)
"Samples; spoof clips of three seconds are few."
COPIES = 3
"Kinds of copies, of five, that are taken of each clip."
LEARN = "learn"
TWO, ONE, HALF, FOUR, OPUS = "2 s", "1 s", "0.5 s", "4 s", "2 s, Opus 16 kbit/s, 5% loss"
ASKED = {TWO: 2.0, ONE: 1.0, HALF: 0.5, FOUR: 4.0, OPUS: 2.0}
"Names of what a clip is asked about, and the seconds at its start that are heard."


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of windows."""

    values: npt.NDArray[np.float16]
    "(n, ROW)."
    clip: npt.NDArray[np.int64]
    "(n,), index of the clip that each came from."
    part: npt.NDArray[np.str_]
    "(n,), LEARN or a name in ASKED."

    def asked(self, name: str, clips: Sequence[int]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Rows of these clips under a name of ASKED, and whose they are; clips too short for it are not among them."""
        where = np.flatnonzero((self.part == name) & np.isin(self.clip, clips))
        return self.values[where].astype(np.float32), self.clip[where]


def load(clips: Sequence[Clip], front: Engine, folder: Path, without: int | None) -> Rows:
    """Compute, or read what an earlier run computed from the same clips with the same front end.

    Args:
        clips: all of them.
        front: samples to moments.
        folder: of the cache.
        without: half of the folds that the front end was trained without: asked about are what these folds hold out,
            or the `dev` clips for None.
    """
    cache = folder / f"rows-{front.sha256[:12]}-{_digest(clips)}.npz"
    if not cache.exists():
        rows = compute(clips, front, held(clips, without))
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(cache, values=rows.values, clip=rows.clip, part=rows.part)
    with np.load(cache) as file:
        return Rows(file["values"], file["clip"], file["part"])


def _digest(clips: Sequence[Clip]) -> str:
    """Name a list of clips, whose indices the rows are kept under: other folders, other rows."""
    names = (f"{clip.path} {clip.family} {clip.split} {clip.samples.shape[1]}\n" for clip in clips)
    return sha256("".join(names).encode()).hexdigest()[:8]


def compute(clips: Sequence[Clip], front: Engine, asked: frozenset[int], names: Collection[str] = tuple(ASKED)) -> Rows:
    """Compute the rows to learn from of the training clips, and those under `names` of the clips in `asked`."""
    values, index, parts = [], [], []
    for number, clip in enumerate(clips):
        for part, window in [*_lessons(clip), *(_questions(clip, names) if number in asked else ())]:
            values.append(window_row(front, window).astype(np.float16))
            index.append(number)
            parts.append(part)
        if number % 100 == 99:
            sys.stderr.write(f"windows of {number + 1} of {len(clips)} clips\n")
    return Rows(np.nan_to_num(np.stack(values)), np.array(index), np.array(parts))


def _lessons(clip: Clip) -> Iterator[tuple[str, Floats]]:
    if clip.split != "train":
        return
    total = clip.samples.shape[1]
    draws: Sequence[int] = range(DRAWS)
    if clip.family.startswith("copy-"):
        key = crc32(f"{clip.path} {clip.family}".encode())
        if key % 5 >= COPIES:
            return
        draws = [key // 5 % DRAWS]
    for draw in draws:
        # Seeded by the path, which a copy shares with its original.
        rng = np.random.default_rng((crc32(clip.path.encode()), draw))
        length = min(int(rng.choice(LENGTHS)), max(total // RATE * RATE, LEAST))
        start, version = int(rng.integers(total - length + 1)), int(rng.integers(VERSIONS))
        window = clip.version(version if draw else 0)[start : start + length]
        yield LEARN, disturbed(window, rng) if draw else window


def _questions(clip: Clip, names: Collection[str]) -> Iterator[tuple[str, Floats]]:
    """The start of a clip; all lengths for the clips that are never learnt from, one for the others."""
    if clip.family.startswith("copy-"):
        return
    for name, seconds in ASKED.items():
        if name not in names or (clip.split == "train" and name not in (TWO, OPUS)):
            continue
        window = clip.version(0)[: round(seconds * RATE)]
        if len(window) < round(min(seconds, 3.0) * RATE):
            continue
        if name == OPUS:
            rng = np.random.default_rng(crc32(clip.path.encode()))
            window = lossy(through(window, "libopus", 16_000), 0.05, rng)
        yield name, window
