"""Fit the linear reading of the moments, and tell how it does on generators that were left out.

Ridge regression on the labels (Hoerl and Kennard, 1970), both classes weighing the same: every generator of stills as
much as every other, however many pictures there are of it, those of clips together half of one; of the genuine ones
the roads of the generators as much as all other sources together. `python -m truefeed.train.synthetic.reading --help`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ...stream.calibration import sigmoid
from ..common.loop import save
from ..common.metrics import auc
from ..eval.calibrate import platt
from . import bank
from .bank import Bank
from .dataset import CONDITIONS
from .networks import LIMIT

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
CLIPS = 0.5
"What all generators of clips weigh beside one of stills."
_FALSE_POSITIVES, _MISSES, _ENOUGH = 0.01, 0.1, 100


@dataclass(frozen=True, eq=False)
class Table:
    """A bank as arrays, P pictures."""

    bank: Bank
    fake: Mask
    generator: npt.NDArray[np.str_]
    road: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    half: npt.NDArray[np.int64]
    "Which of two halves, drawn by person."
    worn: Numbers
    seen: Numbers
    "Moments in spreads from their mean over the worn crops, limited."
    centre: Numbers
    spread: Numbers

    @classmethod
    def of(cls, held: Bank, seed: int) -> Table:
        rng = np.random.default_rng(seed)
        people = {person: int(rng.integers(2)) for person in dict.fromkeys(s.person for s in held.stills)}
        centre, spread = held.worn.mean(0, dtype=np.float64), held.worn.std(0, dtype=np.float64) + 1e-4
        worn, seen = (np.clip((x - centre) / spread, -LIMIT, LIMIT) for x in (held.worn, held.seen))
        return cls(
            held,
            np.array([s.fake for s in held.stills]),
            np.array([s.generator for s in held.stills]),
            np.array([s.road for s in held.stills]),
            np.array([s.source for s in held.stills]),
            np.array([people[s.person] for s in held.stills]),
            worn,
            seen,
            centre,
            spread,
        )

    def generators(self) -> list[str]:
        """Return the generators of still pictures."""
        return sorted(set(self.generator[self.fake & (self.road != "clips")].tolist()))

    def road_of(self, generator: str) -> str:
        return str(self.road[self.generator == generator][0])


def weights(table: Table, learnt: Mask) -> Numbers:
    """Return what each worn crop weighs, (N,), where the (P,) pictures of a mask are learnt from; a class weighs 1."""
    of = table.bank.worn_of
    fakes, genuine = np.zeros(len(of)), np.zeros(len(of))
    stills = table.generators()
    moving = sorted(set(table.generator.tolist()) - {"", *stills})
    for names, share in ((stills, 1.0), (moving, CLIPS / max(len(moving), 1))):
        for name in names:
            _add(fakes, (learnt & (table.generator == name))[of], share)
            if names is stills and (learnt & (table.generator == name)).any():
                _add(genuine, (learnt & ~table.fake & (table.road == table.road_of(name)))[of], 1.0)
    apart = ~table.fake & np.isin(table.road, ("real", "clips"))
    sources = sorted(set(table.source[apart & learnt].tolist()))
    for source in sources:
        _add(genuine, (learnt & apart & (table.source == source))[of], 2.0 / len(sources))
    return np.asarray(fakes / max(fakes.sum(), 1e-9) + genuine / max(genuine.sum(), 1e-9), np.float64)


def _add(weight: Numbers, rows: Mask, share: float) -> None:
    if rows.any():
        weight[rows] += share / rows.sum()


def fit(table: Table, learnt: Mask, ridge: float) -> tuple[Numbers, float]:
    """Return the (D,) weights and the offset that tell fake (1) from genuine (-1)."""
    weight = weights(table, learnt)
    rows = weight > 0
    x = np.concatenate([table.worn[rows], np.ones((rows.sum(), 1))], 1)
    scaled = x * (weight[rows] / 2)[:, None]
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 0
    goal = np.where(table.fake[table.bank.worn_of[rows]], 1.0, -1.0)
    found = np.linalg.solve(scaled.T @ x + np.diag(penalty), scaled.T @ goal)
    return found[:-1], float(found[-1])


def left_out(table: Table, ridge: float) -> dict[str, Numbers]:
    """Return of each generator what readings say that saw nothing of it: (J,) answers, not a number where not asked.

    A reading is asked of the generator and of that half of all genuine pictures that it did not see either; the
    answers on the generator are the mean of both readings.
    """
    out = {}
    for name in table.generators():
        mine = (table.generator == name)[table.bank.seen_of[:, 0]]
        answers, halves = np.full(len(table.seen), np.nan), np.zeros(len(table.seen))
        for half in (0, 1):
            unseen = ~table.fake & (table.half == half)
            w, b = fit(table, (table.generator != name) & ~unseen, ridge)
            said, asked = table.seen @ w + b, unseen[table.bank.seen_of[:, 0]]
            answers[asked] = said[asked]
            halves += said / 2
        answers[mine] = halves[mine]
        out[name] = answers
    return out


def crossed(table: Table, ridge: float) -> Numbers:
    """Return what readings say that learnt from the other half of the people, of every generator: (J,)."""
    answers = np.full(len(table.seen), np.nan)
    for half in (0, 1):
        w, b = fit(table, table.half != half, ridge)
        asked = (table.half == half)[table.bank.seen_of[:, 0]]
        answers[asked] = table.seen[asked] @ w + b
    return answers


def within(table: Table, generator: str, answers: Numbers, condition: int) -> tuple[npt.NDArray[np.int64], Numbers]:
    """Return labels and answers, (m,) of (J,), on a generator and genuine pictures of its road, under one condition."""
    of, condition_of = table.bank.seen_of.T
    fakes = table.generator[of] == generator
    genuine = ~table.fake[of] & (table.road[of] == table.road_of(generator))
    rows = (fakes | genuine) & (condition_of == condition) & np.isfinite(answers)
    return fakes[rows].astype(np.int64), answers[rows]


def areas(table: Table, answers: dict[str, Numbers]) -> dict[str, list[float]]:
    """Return the AUC of each generator, with answers (J,), under each of CONDITIONS."""
    conditions = range(len(CONDITIONS))
    return {g: [round(auc(*within(table, g, said, c)), 4) for c in conditions] for g, said in answers.items()}


def calibration(table: Table, answers: Sequence[Numbers]) -> tuple[tuple[float, float], dict[str, float]]:
    """Return Platt (a, b) and thresholds from answers of readings that had not seen what they were asked of.

    Args:
        table: what was asked.
        answers: (J,) each, the first on known generators, the others on those left out.

    With every generator known, `fake` is said of no more than _FALSE_POSITIVES of the genuine pictures of any source
    that has _ENOUGH of them; of the synthesised ones, known and left out, _MISSES lie below `real`.
    """
    of = np.concatenate([table.bank.seen_of[np.isfinite(a), 0] for a in answers])
    z = np.concatenate([a[np.isfinite(a)] for a in answers])
    still, fake = table.road[of] != "clips", table.fake[of]
    a, b = platt(z[still], fake[still].astype(np.int64))
    source = np.where(table.fake, "", table.source)[table.bank.seen_of[:, 0]]
    known = {s: answers[0][source == s] for s in set(source.tolist()) - {""}}
    enough = [said for said in known.values() if len(said) >= _ENOUGH] or list(known.values())
    highest = max(float(np.quantile(said, 1 - _FALSE_POSITIVES)) for said in enough)
    lowest = float(np.quantile(z[fake & still], _MISSES))
    fake_at, real_at = (sigmoid(v, (a, b)) for v in (highest, lowest))
    real_at = min(real_at, 0.5, fake_at)
    return (round(a, 4), round(b, 4)), {"fake": round(fake_at, 4), "real": round(real_at, 4)}


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    table = Table.of(bank.read(args.bank, args.data, args.trunk, args.stages), args.seed)
    best = None
    for ridge in args.ridge:
        apart, known = left_out(table, ridge), crossed(table, ridge)
        found = areas(table, apart)
        mean = float(np.mean(list(found.values())))
        told = {"ridge": ridge, "mean": round(mean, 4), "left_out": found}
        told["known"] = areas(table, dict.fromkeys(found, known))
        sys.stdout.write(json.dumps(told) + "\n")
        if best is None or mean > best[0]:
            best = mean, ridge, [known, *apart.values()], told
    assert best is not None
    _, ridge, answers, told = best
    w, b = fit(table, np.ones(len(table.fake), bool), ridge)
    _keep(table, answers, args.out.with_suffix(".npz"))
    platt_ab, thresholds = calibration(table, answers)
    save(
        args.out,
        {
            **{k: torch.from_numpy(v) for k, v in (("centre", table.centre), ("spread", table.spread), ("weight", w))},
            "bias": torch.tensor(b),
            "stages": list(args.stages),
            "trunks": [bank.network(name).state_dict() for name in args.trunk],
            "calibration": platt_ab,
            "thresholds": thresholds,
            "results": told,
            "command": {k: str(v) for k, v in vars(args).items()},
        },
    )
    return 0


def _keep(table: Table, answers: Sequence[Numbers], path: Path) -> None:
    """Write what train.synthetic.suite reads: (1 + G, J) answers, those on known generators first, and on what."""
    of, condition = table.bank.seen_of.T
    people = np.array([still.person for still in table.bank.stills])
    told = {name: getattr(table, name)[of] for name in ("fake", "generator", "road", "source")}
    np.savez(path, answers=np.stack(answers), condition=condition, person=people[of], **told)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.synthetic.reading", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="as train.synthetic.bank had it")
    parser.add_argument("--bank", type=Path, required=True, help="the folder that train.synthetic.bank wrote")
    parser.add_argument("--trunk", nargs="+", default=["imagenet"], help="as train.synthetic.bank had them")
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 2, 3, 4], help="stages that are read, from 0")
    parser.add_argument("--ridge", type=float, nargs="+", default=[0.03, 0.1, 0.3], help="left-out generators choose")
    parser.add_argument("--seed", type=int, default=0, help="of the halves")
    parser.add_argument("--out", type=Path, required=True, help="the reading, for `truefeed export still`")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
