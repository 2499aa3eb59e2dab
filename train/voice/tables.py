"""Tables of what a voice model reaches, in Markdown, and the numbers in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..common.metrics import auc, bootstrap, eer, roc
from .dataset import Clip

Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits of clips asked about in one way."""

    logits: Numbers
    "(n,)."
    clips: Sequence[Clip]
    "(n)."

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([int(c.fake) for c in self.clips])

    def only(self, family: str | None = None, sources: Collection[str] | None = None) -> Answers:
        """Of one family against genuine speech, all of it or that of some sources."""
        chosen = [
            i
            for i, c in enumerate(self.clips)
            if (family is None or c.family in (family, "real")) and (sources is None or c.fake or c.source in sources)
        ]
        return Answers(self.logits[chosen], [self.clips[i] for i in chosen])

    def by_family(self) -> list[float]:
        """AUC of each family against all genuine speech, in the order of their names."""
        parts = [self.only(family) for family in sorted({c.family for c in self.clips if c.fake})]
        return [auc(part.labels, part.logits) for part in parts]


def min_dcf(labels: npt.NDArray[np.integer], scores: Numbers, prior: float = 0.05, alarm: float = 10.0) -> float:
    """Least detection cost, normalised by that of the better constant answer; spoof is the class to be found.

    Args:
        labels: (n,), 1 for spoof.
        scores: (n,), higher for spoof.
        prior: of spoof; alarm: cost of a false alarm where a miss costs 1. The defaults weigh both alike, nearly as
            ASVspoof 5 does with the roles of the classes changed.
    """
    if len(set(labels.tolist())) < 2:
        return float("nan")
    false, found = roc(labels, scores)
    cost = prior * (1 - found) + alarm * (1 - prior) * false
    return float(cost.min() / min(prior, alarm * (1 - prior)))


def cell(answers: Answers) -> list[float]:
    """AUC, its 95% interval over speakers, EER."""
    labels, logits = answers.labels, answers.logits
    speakers = np.array([c.speaker for c in answers.clips])
    low, high = bootstrap(auc, labels, logits, speakers, 200)
    return [round(float(v), 3) for v in (auc(labels, logits), low, high, eer(labels, logits))]


def table(rows: Mapping[str, Mapping[str, Sequence[float]]], counts: Mapping[str, str]) -> str:
    """AUC [95%] / EER of each row and column as Markdown."""
    columns = list(next(iter(rows.values())))
    lines = ["| | spoof / genuine | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for name, row in rows.items():
        texts = [f"{v[0]:.3f} [{v[1]:.2f} {v[2]:.2f}] / {v[3]:.2f}" for v in row.values()]
        lines.append(f"| {name} | {counts.get(name, '')} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def count(answers: Answers) -> str:
    spoof = int(answers.labels.sum())
    return f"{spoof} / {len(answers.labels) - spoof}"
