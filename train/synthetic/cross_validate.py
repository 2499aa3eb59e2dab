"""Choose a recipe for the network of synthesised stills by cross-validation, and train it.

Every recipe is judged on pictures that its networks did not see, fold by fold; the worse half of the recipes drops out
after two folds. The best is then trained on the part `train`. `python -m truefeed.train.synthetic.cross_validate`
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..common.loop import save
from ..common.metrics import auc
from ..face.networks import StillSettings
from . import bank as stills_bank
from .bank import Bank
from .dataset import CONDITIONS
from .fit import Recipe, fit, judge, recipe

Logits = npt.NDArray[np.float64]
"(J, conditions, views); not a number where a fold was not judged."


class Trial:
    """Trains networks of recipes and keeps what they said of pictures left out."""

    def __init__(self, bank: Bank, folds: int, layout: torch.memory_format) -> None:
        self.bank, self.layout = bank, layout
        ranks = Counter[str]()
        self.fold = torch.zeros(len(bank.names), dtype=torch.long)
        for i, source in enumerate(bank.source):
            self.fold[i] = ranks[source] % folds
            ranks[source] += 1
        self.fake = bank.fake[bank.seen_of].numpy()
        self.folds = self.fold[bank.seen_of].numpy()
        self.said: dict[str, list[Logits]] = {}
        "By recipe, one of each seed."
        self.seconds: dict[str, float] = {}
        "What training and judging one network took at most."

    def run(self, name: str, seed: int, fold: int) -> None:
        """Train one network and judge it on the fold that was left out; seeds count from 0."""
        began = time.monotonic()
        model = fit(self.bank, self.fold != fold, recipe(name), 1 + seed, self.layout)
        rows = torch.from_numpy(np.flatnonzero(self.folds == fold))
        mine = self.said.setdefault(name, [])
        if seed == len(mine):
            mine.append(np.full((len(self.folds), *self.bank.seen.shape[1:3]), np.nan))
        mine[seed][rows] = judge(model, self.bank, rows)
        self.seconds[name] = max(time.monotonic() - began, self.seconds.get(name, 0))
        found = self.score(mine[seed][rows], self.fake[rows])
        sys.stderr.write(f"{name}  seed {1 + seed}  fold {fold}  {self.seconds[name]:.1f} s  AUC {_text(found)}\n")

    def best(self, names: Sequence[str]) -> list[str]:
        """Return recipes, best first: those judged on most folds before the others."""
        return sorted(names, key=lambda n: (len(self._judged(n)), self.within(self.said[n][:1]).mean()), reverse=True)

    def within(self, said: Sequence[Logits]) -> npt.NDArray[np.float64]:
        """Return the AUC under each condition of the mean of several, a mean over the folds that all were judged on."""
        z = np.mean(said, axis=0)
        whole = [f for f in np.unique(self.folds) if np.isfinite(z[self.folds == f]).all()]
        scores = [self.score(z[self.folds == f], self.fake[self.folds == f]) for f in whole]
        return np.asarray(np.mean(scores, axis=0))

    def pooled(self, said: Sequence[Logits]) -> npt.NDArray[np.float64]:
        """Return the same over all those pictures at once."""
        z = np.mean(said, axis=0)
        known = np.isfinite(z).all((1, 2))
        return self.score(z[known], self.fake[known])

    def score(self, z: Logits, fake: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.array([auc(fake.astype(int), z[:, c].mean(1)) for c in range(z.shape[1])])

    def _judged(self, name: str) -> npt.NDArray[np.int64]:
        return np.unique(self.folds[np.isfinite(self.said[name][0]).all((1, 2))])


def main(argv: list[str] | None = None) -> int:
    began = time.monotonic()
    args = _parse(argv)
    torch.set_num_threads(args.threads)
    bank = stills_bank.read(args.bank, args.device)
    sys.stderr.write(f"{len(bank.worn)} worn crops on {args.device}  {time.monotonic() - began:.0f} s\n")
    trial = Trial(bank, args.folds, _layout(bank, recipe(args.recipes[0])))
    names = choose(trial, args.recipes, args.seeds, args.finals, began + args.seconds)
    sys.stdout.write(report(trial, names))
    runs = [f"{name}  seed {seed}" for name in names for seed in range(1, 1 + len(trial.said[name]))]
    said = np.stack([z for name in names for z in trial.said[name]])
    np.savez(args.out / "folds.npz", folds=trial.folds, fake=trial.fake, runs=runs, said=said)
    for rank, (name, seed) in enumerate(itertools.product(names[:2], range(args.finals))):
        spent = time.monotonic() - began
        if rank >= args.finals and spent + trial.seconds[name] > args.seconds:
            break
        how = recipe(name)
        model = fit(bank, bank.train, how, 1 + seed, trial.layout)
        weights = {k: v.half() if v.ndim > 1 else v for k, v in model.cpu().state_dict().items()}
        settings = {f.name: getattr(how, f.name) for f in fields(StillSettings)}
        told = {"command": {"recipe": name, "seed": str(1 + seed)}, "step": how.pictures // (2 * how.batch)}
        save(args.out / f"still-{rank + 1}.pt", {"average": weights, "settings": settings, **told})
        sys.stderr.write(f"still-{rank + 1}.pt  {name}  seed {1 + seed}  {time.monotonic() - began:.0f} s\n")
    return 0


def choose(trial: Trial, recipes: Sequence[str], seeds: int, finals: int, until: float) -> list[str]:
    """Cross-validate for as long as there is time to train the finals afterwards; return the recipes, best first."""
    alive = list(recipes)
    for seed, fold in itertools.product(range(seeds), range(int(trial.folds.max()) + 1)):
        for name in alive:
            longest = max([trial.seconds.get(n, 0) for n in alive])
            if trial.said and time.monotonic() + longest * (1 + finals) > until:
                return trial.best(list(trial.said))
            trial.run(name, seed, fold)
        if seed == 0 and fold >= 1:
            alive = trial.best(alive)[: max(2, len(alive) // 2)]
    return trial.best(list(trial.said))


def report(trial: Trial, names: Sequence[str]) -> str:
    """The AUC of each recipe, of the mean of its seeds and of means of recipes, as lines to read."""
    means = {name: trial.said[name][:1] for name in names}
    means |= {f"{n}, {k} seeds": trial.said[n][:k] for n in names for k in range(2, len(trial.said[n]) + 1)}
    means |= {f"best {k}": [trial.said[n][0] for n in names[:k]] for k in range(2, len(names) + 1)}
    lines = [f"AUC of pictures left out: {', '.join(CONDITIONS)}, mean; the same within folds"]
    lines += [f"{_text(trial.pooled(said))}  {_text(trial.within(said))}  {name}" for name, said in means.items()]
    return "\n".join(lines) + "\n"


def _layout(bank: Bank, how: Recipe) -> torch.memory_format:
    """Return the memory format in which a few steps take less time on this device."""
    seconds = {}
    for layout in (torch.channels_last, torch.contiguous_format):
        for steps in (3, 20) if bank.worn.is_cuda else (1,):
            began = time.monotonic()
            model = fit(bank, bank.train, replace(how, pictures=2 * how.batch * steps), 0, layout)
            float(model.logit.bias.detach())  # waits for the device
            seconds[layout] = time.monotonic() - began
        sys.stderr.write(f"{layout}  {2 * how.batch * steps / seconds[layout]:.0f} pictures/s\n")
    return min(seconds, key=lambda layout: seconds[layout])


def _text(scores: npt.NDArray[np.float64]) -> str:
    return " ".join(f"{v:.3f}" for v in (*scores, scores.mean()))


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.synthetic.cross_validate", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--bank", type=Path, required=True, help="the folder that train.synthetic.bank wrote")
    parser.add_argument("--out", type=Path, required=True, help="networks and what the folds said go here")
    parser.add_argument("--recipes", nargs="+", default=["lite0"], help="such as lite2,pictures=72000,mix=paste")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3, help="of the cross-validation, if there is time")
    parser.add_argument("--finals", type=int, default=3, help="networks of the best recipe, and as many of the next")
    parser.add_argument("--seconds", type=float, default=120, help="for all of it; the finals are trained in any case")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    for said in args.recipes:
        recipe(said)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    sys.exit(main())
