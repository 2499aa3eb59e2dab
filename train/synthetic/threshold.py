"""Set from where on an exported model says `fake`: `python -m truefeed.train.synthetic.threshold --help`.

Asked, as live use asks it, of genuine pictures that no bank of its training had: the threshold lies beyond the highest
answer, by MARGIN. The readings' own answers (train.synthetic.reading) are of one crop, whose tails are wider.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...engines import load as load_engine
from ...stream.calibration import log_odds, sigmoid
from ...stream.errors import ConfigError
from ...stream.scoring.synthetic_scorer import StillScorer
from ..common.card_file import restamp
from . import dataset
from .dataset import Still

MARGIN = 0.3
"Log-odds between the highest answer on a genuine picture and the threshold."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.synthetic.threshold", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="face-still.onnx; its card is rewritten")
    parser.add_argument("--data", type=Path, required=True, help="as train.synthetic.bank had it")
    parser.add_argument("--bank", type=Path, required=True, help="the folder that train.synthetic.bank wrote")
    parser.add_argument("--most", type=int, default=100, help="pictures of a source (default 100)")
    args = parser.parse_args(argv)
    scorer = StillScorer(load_engine(args.model, "cpu"))
    said = ask(scorer, apart(dataset.read(args.data, args.bank), args.bank, args.most))
    highest = max(p for answers in said.values() for p in answers)
    fake_at = round(sigmoid(log_odds(highest) + MARGIN), 4)
    card = scorer.card
    told = {source: {"pictures": len(p), "highest": round(max(p), 4)} for source, p in said.items()}
    thresholds = {**card.thresholds, "fake": fake_at}
    restamp(args.model, replace(card, thresholds=thresholds, training={**card.training, "threshold": told}))
    sys.stdout.write(json.dumps({"thresholds": thresholds, "genuine": told}) + "\n")
    return 0


def apart(stills: Sequence[Still], bank: Path, most: int) -> list[Still]:
    """Return genuine pictures of the sources beside the roads that the bank does not have.

    Raises ConfigError where there are none.
    """
    with np.load(bank / "index.npz") as index:
        learnt = set(index["names"].tolist())
    groups: dict[str, list[Still]] = {}
    for still in stills:
        if still.road == "real" and not still.fake and still.name not in learnt:
            groups.setdefault(still.source, []).append(still)
    if not groups:
        raise ConfigError(f"{bank}: it has all genuine pictures; make it with fewer (--most)")
    return [still for mine in groups.values() for still in mine[:most]]


def ask(scorer: StillScorer, stills: Sequence[Still]) -> dict[str, list[float]]:
    """Return the probabilities of synthesis by source, of the faces that are large enough."""
    out: dict[str, list[float]] = {}
    for still in stills:
        seen = scorer.see(*dataset.load(still))
        if seen is not None:
            out.setdefault(still.source, []).append(scorer.judge(seen[1]).fake)
    return out


if __name__ == "__main__":
    sys.exit(main())
