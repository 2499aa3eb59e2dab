"""What encoders said of clips that they never saw, as observations: `python -m truefeed.train.face.answers --help`.

The frames of a clip go through the head one after the other, as in a stream. What comes out has the form that
`truefeed evaluate` writes and train.eval.calibrate and the suite read: so thresholds are set on groups left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...stream.atomic import write_text
from ...stream.types import Floats
from .checkpoints import read_head
from .networks import WindowHead


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.answers", description=__doc__)
    parser.add_argument("--answers", type=Path, required=True, help="answers.npz of truefeed.train.face.left_out")
    parser.add_argument("--said", default="chosen", help="of the answers, these: chosen or before")
    parser.add_argument("--head", type=Path, required=True, help="the head's checkpoint")
    parser.add_argument("--without", default="dev/", metavar="PREFIX", help="leave out clips whose names begin so")
    parser.add_argument("--out", type=Path, required=True, help="observations, .json")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    with np.load(args.answers) as table:
        held = {name: table[name] for name in (args.said, "clip", "label", "method", "identity", "t", "motion")}
        read = table["read"] if "read" in table and args.said == "chosen" else None
    rows = list(observations(held, held[args.said], read_head(args.head), read))
    rows = [row for row in rows if not args.without or not row["name"].startswith(args.without)]
    write_text(args.out, json.dumps(rows))
    sys.stderr.write(f"{args.out}: {len(rows)} clips\n")
    return 0


def observations(
    table: dict[str, npt.NDArray[Any]], said: Floats, head: WindowHead, read: Floats | None = None
) -> Iterator[dict[str, Any]]:
    """Yield an observation a clip that at least one fold left out.

    Args:
        table: columns of the faces.
        said: (folds, faces) frame logits, NaN where a fold was trained on the face.
        head: what makes one logit of several frames.
        read: (folds, faces) log-odds of a readout, where the head weighs them.
    """
    for clip in np.unique(table["clip"]):
        rows = np.flatnonzero(table["clip"] == clip)
        rows = rows[np.argsort(table["t"][rows])]
        known = ~np.isnan(said[:, rows]).any(1)
        if not known.any():
            continue
        frames = np.asarray(said[known][:, rows].mean(0), np.float32)
        also = None if read is None else np.asarray(read[known][:, rows].mean(0), np.float32)
        logits = so_far(head, frames, table["motion"][rows], table["t"][rows], also)
        first = rows[0]
        yield {
            "name": str(clip),
            "fake": bool(table["label"][first]),
            "method": str(table["method"][first]),
            "identity": str(table["identity"][first]),
            "split": "",
            "seen": {
                "kind": "video",
                "error": None,
                "seconds": float(table["t"][rows[-1]]),
                "tracks": [[1, logits[-1], []]],
                "verdicts": [[float(t), [[1, z, []]]] for t, z in zip(table["t"][rows], logits, strict=True)],
                "voice": None,
                "voices": [],
                "quality": [],
            },
        }


@torch.no_grad()
def so_far(head: WindowHead, frames: Floats, motion: Floats, times: Floats, read: Floats | None = None) -> list[float]:
    """Return the head's logit after each frame, of (L,) frame logits, (L, COLUMNS) of motion and (L,) times, s.

    read: (L,) log-odds of a readout, for a head that weighs them.

    Only heads that take the mean of the frames and signs of motion can be asked: embeddings are not kept.
    """
    length, wide = len(frames), head.settings.embedding
    moved = motion if head.settings.motion else motion[:, :0]
    beside = motion[:, :0] if read is None else read[:, None]
    rows = np.concatenate([np.zeros((length, wide)), beside, moved, frames[:, None]], 1, dtype=np.float32)
    ages = np.maximum(times[:, None] - times[None], 0).astype(np.float32)
    mask = np.tril(np.ones((length, length), np.float32))
    every = torch.from_numpy(rows)[None].expand(length, -1, -1)
    logits = head(every, torch.from_numpy(ages), torch.from_numpy(mask))
    return [round(float(z), 4) for z in logits]


if __name__ == "__main__":
    sys.exit(main())
