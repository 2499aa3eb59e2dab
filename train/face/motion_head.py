"""Give the temporal head the signs of manipulation in motion: `python -m truefeed.train.face.motion_head --help`.

Mean and spread of each come from genuine clips: those of a table of labelled faces, or the versions that
train.face.motion_stats measured. Manipulated ones are looked at only to print how far each sign tells them apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from ...stream.faces.motion_features import COLUMNS, MEASURES, NAMES
from ...stream.types import Floats
from ..common.loop import save
from ..common.metrics import auc
from ..data.labelled_faces import LabelledFaces
from .checkpoints import read_head
from .networks import HeadSettings, Signs, WindowHead

SIGNS: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    # Each frame is placed and lit anew: the skin trembles, flickers and changes beside the hair and the neck.
    "placed": (
        ("tremble", "nose", "ring", 1),
        ("tremble", "brow", "ring", 1),
        ("flicker", "brow", "ring", 1),
        ("flicker", "middle", "ring", 1),
        ("unexplained", "brow", "rim", 1),
        ("uneven", "brow", "ring", 1),
    ),
    # A mouth from elsewhere moves against the jaw that carries it.
    "mouthed": (
        ("tremble", "mouth", "chin", 1),
        ("tremble", "lips", "chin", 1),
        ("unexplained", "mouth", "chin", 1),
    ),
    # A network that renders the lower face gives it calmer colours than a camera gives the brow above.
    "calm": tuple(
        (f"unexplained-{colour}", region, "brow", -1)
        for colour in ("blue", "red")
        for region in ("chin", "cheeks", "middle", "mouth")
    ),
}
"""Of each sign its contrasts: measure, region, region beside which it is seen, and 1 where more is suspicious, else -1.
They were chosen on dev clips."""
_COUNTS = tuple(len(contrasts) for contrasts in SIGNS.values())
_LEAST = 0.05
"Least spread of a contrast."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.motion_head", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--moves", type=Path, help="the table that truefeed.train.face.motion_stats wrote")
    what.add_argument("--dataset", type=Path, nargs="+", help="folders with labelled.npz")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="PREFIX", help="of --dataset, clips whose names begin so"
    )
    parser.add_argument(
        "--head", type=Path, help="the checkpoint of truefeed.train.face.train_head; without it frames are averaged"
    )
    parser.add_argument(
        "--gain", type=float, nargs="+", default=[1.0], help="log-odds a spread of each sign; one for all, or for each"
    )
    parser.add_argument("--out", type=Path, required=True, help="the head's new checkpoint")
    args = parser.parse_args(argv)
    if len(args.gain) not in (1, len(SIGNS)):
        parser.error(f"--gain takes one value, or one for each of {', '.join(SIGNS)}")
    if args.dataset:
        faces = LabelledFaces.read(args.dataset)
        means, label = _of_clips(faces.rows(faces.named(args.only)))
    else:
        table = np.load(args.moves)
        means, label = table["rows"][..., :-1].mean(1), table["label"]
    signs = settle(means[label == 0], args.gain)
    model = with_signs(read_head(args.head) if args.head else WindowHead(HeadSettings()), signs, _COUNTS)
    command = {k: str(v) for k, v in vars(args).items()}
    save(args.out, {"settings": asdict(model.settings), "model": model.state_dict(), "command": command})
    with torch.no_grad():
        far = signs.far(torch.from_numpy(means)).numpy()
    for number, name in enumerate(SIGNS if label.any() else ()):
        sys.stderr.write(f"{name}: AUC on manipulated ones {auc(label, far[:, number]):.3f}\n")
    sys.stderr.write(f"{(label == 0).sum()} genuine and {(label == 1).sum()} manipulated\n")
    return 0


def with_signs(head: WindowHead, signs: Signs, counts: tuple[int, ...]) -> WindowHead:
    """Return a head that also weighs the signs in motion."""
    model = WindowHead(replace(head.settings, motion=COLUMNS, signs=counts))
    model.load_state_dict({**head.state_dict(), **{f"signs.{k}": v for k, v in signs.state_dict().items()}})
    return model


def read_signs(path: Path) -> tuple[Signs, tuple[int, ...]] | None:
    """Read the signs out of an exported window model; None where it has none, or those of other measures."""
    held = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    parts = {name.removeprefix("signs."): held[name] for name in held if name.startswith("signs.")}
    if "members" not in parts or parts["contrasts"].shape[0] != MEASURES:
        return None
    counts = tuple(int(n) for n in parts["members"].sum(0))
    signs = Signs(MEASURES, counts)
    signs.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in parts.items()})
    return signs, counts


def _of_clips(faces: LabelledFaces) -> tuple[Floats, npt.NDArray[np.integer]]:
    """(clips, MEASURES), means over the faces of each clip in which motion was measured, and the (clips,) labels."""
    moved = faces.rows(faces.motion[:, -1] > 0)
    clips, first, member = np.unique(moved.clip, return_index=True, return_inverse=True)
    total = np.zeros((len(clips), MEASURES))
    np.add.at(total, member, moved.motion[:, :-1])
    return (total / np.bincount(member)[:, None]).astype(np.float32), moved.label[first]


@torch.no_grad()
def settle(genuine: Floats, gain: Sequence[float]) -> Signs:
    """Make the signs from the mean measures (n, MEASURES) of genuine video; gain is one for all, or one a sign."""
    signs = Signs(MEASURES, _COUNTS)
    column = {name: index for index, name in enumerate(NAMES)}
    every = [contrast for contrasts in SIGNS.values() for contrast in contrasts]
    for number, (measure, region, beside, sign) in enumerate(every):
        signs.contrasts[column[f"{measure} {region}"], number] = sign
        signs.contrasts[column[f"{measure} {beside}"], number] = -sign
    values = torch.from_numpy(genuine)
    lies = values @ signs.contrasts
    signs.mean.copy_(lies.mean(0))
    signs.spread.copy_(lies.std(0).clamp_min(_LEAST))
    sums = signs.sums(values)
    signs.level.copy_(sums.mean(0))
    signs.scale.copy_(sums.std(0))
    signs.gain.copy_(torch.tensor(gain))
    return signs


if __name__ == "__main__":
    sys.exit(main())
