"""The linear layer of a readout, fitted to the means of clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...stream.types import Floats
from .readout import FARTHEST
from .readout_bank import PSEUDO, ReadoutBank
from .texture import MEASURES

Numbers = npt.NDArray[np.float64]

_RIDGE = 0.3
"Of the mean of the diagonal."
_PSEUDO = 0.5
"Share of the weight that pseudo-fakes and what they were made of have."
_GENUINE = 0.3
"Least share of the fakes' weight that people have of whom there are no fakes."
_TEXTURE = 1 / 6
"Share that texture has in what two clips have in common."


@dataclass(frozen=True, eq=False)
class Fitted:
    """A linear reading of statistics in spreads of genuine faces."""

    weight: Numbers
    bias: float

    def __call__(self, far: Floats) -> Floats:
        """Read (n, statistics) as (n,)."""
        return np.asarray(far @ self.weight + self.bias, np.float32)


class Examples:
    """Means of the copies of each clip, and the faces of pseudo-fakes, one a row."""

    def __init__(self, bank: ReadoutBank) -> None:
        genuine = (bank.label == 0) & (bank.clip != PSEUDO)
        every = bank.statistics.astype(np.float32)
        self.mean, self.spread = every[genuine].mean(0), every[genuine].std(0) + 1e-3
        self.faces: Floats = ((every - self.mean) / self.spread).clip(-FARTHEST, FARTHEST)
        key = [f"{clip}/{copy}" if clip != PSEUDO else f"{i:06}" for i, (clip, copy) in enumerate(_named(bank))]
        _, first, member = np.unique(key, return_index=True, return_inverse=True)
        self.rows = np.zeros((len(first), self.faces.shape[1]), np.float32)
        np.add.at(self.rows, member, self.faces)
        self.rows /= np.bincount(member)[:, None]
        self.clip, self.label = bank.clip[first], bank.label[first]
        self.identity, self.group = bank.identity[first], bank.group[first]

    def fit(self, allowed: npt.NDArray[np.bool_]) -> Fitted:
        """Fit on the rows that are allowed, (n,)."""
        x = self.rows[allowed].astype(np.float64)
        w = weights(self.clip[allowed], self.label[allowed], self.group[allowed])
        y = 2.0 * self.label[allowed] - 1
        share = _share(x.shape[1])
        centre, level = w @ x, w @ y
        inner = (x - centre) * np.sqrt(share)
        gram = inner @ inner.T
        ridge = _RIDGE * np.trace(gram) / len(w) ** 2
        dual = np.linalg.solve(gram + np.diag(ridge / w), y - level)
        weight = (inner.T @ dual) * np.sqrt(share)
        return Fitted(weight, float(level - centre @ weight))


def _named(bank: ReadoutBank) -> list[tuple[str, int]]:
    return [(str(clip), int(copy)) for clip, copy in zip(bank.clip, bank.copy, strict=True)]


def _share(count: int) -> Numbers:
    """(count,): what each statistic counts in what two clips have in common."""
    spreads = count - MEASURES
    return np.asarray(np.r_[np.full(spreads, (1 - _TEXTURE) / spreads), np.full(MEASURES, _TEXTURE / MEASURES)])


def weights(clip: npt.NDArray[np.str_], label: npt.NDArray[np.integer], group: npt.NDArray[np.str_]) -> Numbers:
    """(n,), their sum 1: a group of fakes counts as the root of its clips, its genuine clips as much or less."""
    out = np.zeros(len(clip))
    pseudo = clip == PSEUDO
    fakes, genuine = (label == 1) & ~pseudo, (label == 0) & ~pseudo
    known = np.unique(group[fakes])
    for name in known:
        mine, own = fakes & (group == name), genuine & (group == name)
        count = len(np.unique(clip[mine]))
        out[mine] = count**0.5 / mine.sum()
        if own.any():
            out[own] = count**0.5 / own.sum() * min(1, len(np.unique(clip[own])) / count)
    others = genuine & ~np.isin(group, known)
    if others.any():
        least = _GENUINE * out[fakes].sum() if fakes.any() else 1.0
        out[others] = max(out[fakes].sum() - out[genuine].sum(), least) / others.sum()
    if pseudo.any():
        out /= max(out.sum(), 1e-12) / (1 - _PSEUDO)
        out[pseudo] = _PSEUDO / pseudo.sum()
    return np.asarray(out / out.sum())
