"""Windows of the clips, sent through channels and reduced to the network's statistics; computed once and kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch

from ..stream.audio import RATE, level
from .channel import disturbed
from .voice_data import VERSIONS, Clip
from .voice_net import VoiceStats

DRAWS = 4
"Windows of each clip; a copy of a clip has one, through the very channel of one of the original's."
LENGTHS = (16000, 24000, 32000, 40000)
"Samples; drawn alike for both labels, so that the length of the files, which differs, cannot be seen."


@dataclass(frozen=True, eq=False)
class Rows:
    """Statistics of windows."""

    values: npt.NDArray[np.float16]
    "(n, SIZE)."
    clip: npt.NDArray[np.int64]
    "(n,), index of the clip that each came from."


def load(clips: Sequence[Clip], cache: Path) -> Rows:
    """Compute, or read what an earlier run computed from the same clips."""
    if not cache.exists():
        rows = _compute(clips)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, X=rows.values, clip=rows.clip)
    with np.load(cache) as file:
        return Rows(file["X"], file["clip"])


@torch.no_grad()
def _compute(clips: Sequence[Clip]) -> Rows:
    stats = VoiceStats().eval()
    values, index = [], []
    for number, clip in enumerate(clips):
        for window in _windows(clip):
            values.append(stats(torch.from_numpy(level(window)[None]))[0].numpy().astype(np.float16))
            index.append(number)
        if number % 100 == 99:
            sys.stderr.write(f"\rwindows of {number + 1} of {len(clips)} clips")
    sys.stderr.write("\n")
    return Rows(np.nan_to_num(np.stack(values)), np.array(index))


def _windows(clip: Clip) -> Iterator[npt.NDArray[np.float32]]:
    if clip.split != "train":
        return
    total = clip.samples.shape[1]
    is_copy = clip.family.startswith("copy-")
    if not is_copy:
        yield clip.version(0)[: min(total, 4 * RATE) // 8000 * 8000]
    draws = [crc32((clip.path + clip.family).encode()) % DRAWS] if is_copy else range(DRAWS)
    for draw in draws:
        # Seeded by the path, which a copy shares with its original.
        rng = np.random.default_rng((crc32(clip.path.encode()), draw))
        length = int(rng.choice(LENGTHS))
        length = length if length <= total else total // 8000 * 8000
        start, version = int(rng.integers(total - length + 1)), int(rng.integers(VERSIONS))
        seed = int(rng.integers(1 << 31))
        window = clip.version(version)[start : start + length]
        yield disturbed(window, np.random.default_rng(seed)) if rng.random() < 0.7 else window
