"""Ask a shipped face model about pairs made ahead, so that a smaller one can learn its answers: `python -m
truefeed.train.face.teach --help`.

Writes NAME.taught.npy beside each NAME.npy of truefeed.train.face.pair_bank, (n, 2): the frame logits of genuine and
fake. What a model says of a picture tells more than its label, and the answers of several make one (Hinton, Vinyals and
Dean, "Distilling the Knowledge in a Neural Network", 2015). train.face.train_encoder --taught learns from them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from ...engines import load
from ...stream.errors import ConfigError
from ...stream.scoring.models import card_of
from .pair_bank import chunks, store, taught
from .pairs import normalise

_BATCH = 8


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.teach", description=__doc__)
    parser.add_argument(
        "--bank", type=Path, required=True, help="a folder that truefeed.train.face.pair_bank wrote or writes"
    )
    parser.add_argument("--model", type=Path, required=True, help="the teacher, such as face-accurate.onnx")
    parser.add_argument("--engine", default="cpu", help="what runs the teacher, as in `truefeed scan` (default cpu)")
    parser.add_argument("--follow", type=float, default=0.0, help="wait so many seconds for another chunk")
    args = parser.parse_args(argv)
    teacher = load(args.model, args.engine)
    size = card_of(teacher).input_size[0]
    folder = args.bank / str(size)
    if not chunks(folder):
        raise ConfigError(
            f"{folder}: no pairs of {size} px; run python -m truefeed.train.face.pair_bank --sizes {size} first"
        )
    last = time.monotonic()
    done = 0
    while True:
        waiting = [file for file in chunks(folder) if not taught(file).exists()]
        for file in waiting:
            pictures = np.load(file)
            rows = normalise(pictures.reshape(-1, *pictures.shape[2:]))
            logits = np.concatenate(
                [teacher.run({"crops": rows[i : i + _BATCH]})["embedding"][:, -1] for i in range(0, len(rows), _BATCH)]
            )
            store(taught(file), logits.reshape(-1, 2))
            done, last = done + 1, time.monotonic()
            if done % 50 == 0:
                sys.stderr.write(f"{folder}: {done} chunks taught\n")
        if time.monotonic() - last >= args.follow:
            break
        time.sleep(1)
    sys.stderr.write(f"{folder}: {done} chunks taught by {teacher.sha256[:16]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
