"""Fit a readout and give it to an encoder: `python -m truefeed.train.face.fit_readout --help`.

A ridge on the means of a clip, every group of fakes weighing as the root of its clips, genuine faces as much as fakes,
pseudo-fakes half of it. It is fitted once a fold of train.face.left_out, without the fold's groups and people, and
printed is what the tuned encoders of the folds, the readouts, and both say of what was left out. Of both, the more
suspicious counts in full and the other one a third; the readout is moved and scaled so that genuine clips lie where
they do for the tuned encoder and spread less. Then it is fitted on everything. OUT/encoder.pt and OUT/head.pt are what
ships, OUT/answers.npz what the folds said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...stream.types import Floats
from ..common.loop import save
from ..data.labelled_faces import LabelledFaces
from .answers import so_far
from .checkpoints import read_encoder, read_head
from .left_out import FOLDS, told
from .networks import FaceEncoder, WindowHead
from .readout_bank import ReadoutBank
from .readout_ridge import Examples, Fitted

Answers = Mapping[str, npt.NDArray[Any]]

_SPREAD = 2 / 3
"Spread of genuine clips in the readout, over that in the tuned encoder."
_LESS = 1 / 3
"What the less suspicious of both counts."
_OLD = "dev/"


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.set_num_threads(1)
    bank = ReadoutBank.read(args.statistics)
    examples = Examples(bank)
    answers = [dict(np.load(path)) for path in args.answers]
    table, head = answers[0], read_head(args.head)
    tuned = np.mean([one["chosen"] for one in answers], 0).astype(np.float32)
    read = of_folds(examples, bank, table)
    factor, shift, level = alike(judged(head, table, tuned), read, table)
    read = (factor * read + shift).astype(np.float32)
    both = with_readout(head, level)
    said = {
        "before": judged(head, table, table["before"]),
        "tuned": judged(head, table, tuned),
        "readout": read,
        "both": judged(both, table, tuned, read),
    }
    for key, values in said.items():
        found = told(_as_faces(table), values)
        sys.stdout.write(f"{key:8} {'  '.join(f'{name} {value:.3f}' for name, value in found.items())}\n")
    columns = {name: table[name] for name in ("clip", "label", "method", "identity", "group", "t", "motion", "before")}
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez(args.out / "answers.npz", chosen=tuned, read=read, how="tuned and readout", **columns)
    fitted = examples.fit(~np.char.startswith(examples.clip, _OLD))
    fitted = Fitted(factor * fitted.weight, factor * fitted.bias + shift)
    model = joined(read_encoder(args.tuned), read_encoder(args.encoder), examples, fitted, args.size)
    before = torch.load(args.tuned, map_location="cpu", weights_only=True)["command"]
    command = {k: str(v) for k, v in vars(args).items()} | {"before": before}
    settings = asdict(model.settings)
    save(args.out / "encoder.pt", {"settings": settings, "average": model.state_dict(), "command": command})
    settings = asdict(both.settings)
    save(args.out / "head.pt", {"settings": settings, "model": both.state_dict(), "command": command})
    return 0


def with_readout(head: WindowHead, level: float) -> WindowHead:
    """Return a head that also weighs the log-odds of a readout; level: those of genuine faces, in the mean."""
    model = WindowHead(replace(head.settings, readout=True))
    held = {"level": torch.tensor([level]), "less": torch.tensor([_LESS])}
    model.load_state_dict({**head.state_dict(), **held})
    return model.eval()


def judged(head: WindowHead, table: Answers, frames: Floats, read: Floats | None = None) -> Floats:
    """(folds, faces): what the head makes of the whole clip of each face; NaN where there are no frame logits."""
    out = np.full_like(frames, np.nan, np.float32)
    for clip in np.unique(table["clip"]):
        rows = np.flatnonzero(table["clip"] == clip)
        rows = rows[np.argsort(table["t"][rows])]
        for fold in np.flatnonzero(~np.isnan(frames[:, rows]).any(1)):
            also = None if read is None else read[fold, rows]
            out[fold, rows] = so_far(head, frames[fold, rows], table["motion"][rows], table["t"][rows], also)[-1]
    return out


def alike(said: Floats, read: Floats, table: Answers) -> tuple[float, float, float]:
    """Factor and shift that lay readouts (folds, faces) of genuine clips where what else is said of them lies.

    The third value is where that is.
    """
    genuine = (table["label"] == 0) & ~np.char.startswith(table["clip"], _OLD)
    member = np.unique(table["clip"], return_inverse=True)[1]
    known = genuine[None] & ~np.isnan(read)
    pairs = []
    for fold in range(len(read)):
        for clip in np.unique(member[known[fold]]):
            rows = known[fold] & (member == clip)
            pairs.append((said[fold, rows].mean(), read[fold, rows].mean()))
    others, mine = np.array(pairs).T
    factor, level = float(_SPREAD * others.std() / mine.std()), float(others.mean())
    return factor, level - factor * float(mine.mean()), level


def of_folds(examples: Examples, bank: ReadoutBank, table: Answers) -> Floats:
    """(folds, faces), of a table of answers, what a readout says that saw neither the fold's groups nor its people."""
    plain = bank.copy == 0
    at = {(str(c), round(float(t), 4)): i for i, (c, t) in enumerate(zip(bank.clip, bank.t, strict=True)) if plain[i]}
    rows = np.array([at[str(c), round(float(t), 4)] for c, t in zip(table["clip"], table["t"], strict=True)])
    out = np.full(table["chosen"].shape, np.nan, np.float32)
    old = np.char.startswith(table["clip"], _OLD)
    for number, prefixes in enumerate(FOLDS.values()):
        asked = ~np.isnan(table["chosen"][number])
        people = np.unique(table["identity"][asked & ~old])
        groups = np.zeros(len(examples.clip), bool)
        for prefix in (*prefixes, _OLD):
            groups |= np.char.startswith(examples.clip, prefix)
        fitted = examples.fit(~groups & ~np.isin(examples.identity, people))
        out[number, asked] = fitted(examples.faces[rows[asked]])
    return out


def joined(tuned: FaceEncoder, old: FaceEncoder, examples: Examples, fitted: Fitted, side: int) -> FaceEncoder:
    """Return the tuned encoder with a readout of the old one's features."""
    model = FaceEncoder(replace(tuned.settings, readout=side))
    assert model.readout is not None
    model.load_state_dict(tuned.state_dict(), strict=False)
    model.readout.take(old.trunk)
    held = {"mean": examples.mean, "spread": examples.spread, "weight": fitted.weight, "bias": [fitted.bias]}
    for name, value in held.items():
        getattr(model.readout, name).copy_(torch.from_numpy(np.asarray(value, np.float32)))
    return model.eval()


def _as_faces(table: Answers) -> LabelledFaces:
    count = len(table["clip"])
    none = np.zeros(count, np.float32)
    held = {name: table[name] for name in ("label", "method", "identity", "group", "clip", "t", "motion")}
    return LabelledFaces(files=table["clip"], px=none, mesh=none, **held)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.fit_readout", description=__doc__)
    parser.add_argument("--statistics", type=Path, required=True, help="of truefeed.train.face.readout_bank")
    parser.add_argument(
        "--answers", type=Path, nargs="+", required=True, help="answers.npz of truefeed.train.face.left_out; the mean"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint whose features are read")
    parser.add_argument("--tuned", type=Path, required=True, help="the checkpoint that gets the readout")
    parser.add_argument("--head", type=Path, required=True, help="the checkpoint of truefeed.train.face.motion_head")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px")
    parser.add_argument("--out", type=Path, required=True, help="folder for encoder.pt, head.pt and answers.npz")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
