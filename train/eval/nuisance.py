"""Whether size, frame rate, bit rate and crop alone tell fakes apart: `python -m truefeed.train.eval.nuisance --help`.

Where they do, a model can learn them in place of the manipulation, and its figures mean nothing. Prints the AUC of each
clue inside each group that has genuine clips of its own (1 and 0 are as telling, .5 tells nothing), and of all clues
together, fitted on the other groups and people, as a left-out group is judged (`-` where there are none).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ...stream.errors import ConfigError
from ..common.metrics import auc
from ..data import datasets
from ..data.datasets import Clip
from ..data.labelled_faces import LabelledFaces, group_of

CLUES = ("width", "height", "frames/s", "bits/pixel", "face px")
Numbers = npt.NDArray[np.float64]
_LEAST = 4
"Genuine clips that a group needs to be told from its own."
_RIDGE = 0.1


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.eval.nuisance", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="labelled clips, as truefeed evaluate takes them")
    parser.add_argument("--faces", type=Path, nargs="+", help="folders with labelled.npz: adds the size of the faces")
    parser.add_argument("--never", nargs="*", default=(), metavar="PREFIX", help="leave out clips whose names begin so")
    args = parser.parse_args(argv)
    clips = [clip for clip in datasets.read(args.dataset) if not clip.name.startswith(tuple(args.never))]
    if len({clip.fake for clip in clips}) < 2:
        raise ConfigError(f"{args.dataset}: genuine clips and fakes are needed")
    table = np.array([clues(clip) for clip in clips])
    if args.faces:
        table = np.c_[table, _face_px(clips, LabelledFaces.read(args.faces))]
    names = CLUES[: table.shape[1]]
    sys.stdout.write(f"{'':16} {'  '.join(f'{name:>10}' for name in (*names, 'together'))}\n")
    together = []
    for group, row in told(clips, table):
        together.append(row[-1])
        sys.stdout.write(f"{group:16} {'  '.join(_cell(value) for value in row)}\n")
    sys.stdout.write(f"mean of all clues together, left out: {_cell(float(np.mean(together))).strip()}\n")
    return 0


def clues(clip: Clip) -> list[float]:
    """Logarithms of width, height, frame rate and bits a pixel of the file."""
    with av.open(str(clip.path), metadata_errors="replace") as container:
        video = container.streams.video[0]
        size = sum(packet.size for packet in container.demux(video))
        rate, frames = float(video.average_rate or 25), max(video.frames, 1)
        pixels = video.width * video.height
    return [float(np.log(v)) for v in (video.width, video.height, rate, max(8 * size, 1) / frames / pixels)]


def told(clips: Sequence[Clip], table: Numbers) -> list[tuple[str, list[float]]]:
    """Of each group of fakes the AUC of each column of (clips, clues), NaN without genuine ones, and of all."""
    fake, group = np.array([clip.fake for clip in clips]), np.array([group_of(clip.name) for clip in clips])
    people = np.array([clip.identity for clip in clips])
    known = np.unique(group[fake])
    free = ~fake & ~np.isin(group, known)
    out = []
    for name in known:
        own = ~fake & (group == name)
        paired = own.sum() >= _LEAST
        row = [_auc(column, fake & (group == name), own if paired else None) for column in table.T]
        # Half of the other people are learned from, half are asked.
        half = free & (np.unique(people, return_inverse=True)[1] % 2 == 0)
        asked = own if paired else half
        said = _fitted(table, fake, (group != name) & ~half)
        out.append((str(name), [*row, _auc(said, fake & (group == name), asked)]))
    return out


def _auc(column: Numbers, fakes: npt.NDArray[np.bool_], genuine: npt.NDArray[np.bool_] | None) -> float:
    if genuine is None or np.isnan(column).any():
        return float("nan")
    both = fakes | genuine
    return auc(fakes[both].astype(int), column[both])


def _fitted(table: Numbers, fake: npt.NDArray[np.bool_], allowed: npt.NDArray[np.bool_]) -> Numbers:
    """(clips,): a ridge on the columns, their squares and products, both classes counting the same."""
    if not (fake & allowed).any() or not (~fake & allowed).any():
        return np.full(len(table), np.nan)
    z = (table - table[allowed].mean(0)) / (table[allowed].std(0) + 1e-9)
    upper = np.triu_indices(z.shape[1])
    x = np.c_[np.ones(len(z)), z, (z[:, :, None] * z[:, None])[:, upper[0], upper[1]]]
    w = np.where(fake, 1 / fake[allowed].sum(), 1 / (~fake)[allowed].sum()) * allowed
    normal: Any = (x * w[:, None]).T @ x + _RIDGE * np.eye(x.shape[1])
    return np.asarray(x @ np.linalg.solve(normal, (x * w[:, None]).T @ (2.0 * fake - 1)))


def _face_px(clips: Sequence[Clip], faces: LabelledFaces) -> Numbers:
    mean = {name: float(np.log(faces.px[faces.clip == name]).mean()) for name in np.unique(faces.clip)}
    usual = float(np.mean(list(mean.values())))
    return np.array([mean.get(clip.name, usual) for clip in clips])


def _cell(value: float) -> str:
    return f"{value:10.3f}" if np.isfinite(value) else f"{'-':>10}"


if __name__ == "__main__":
    sys.exit(main())
