"""The readout: from a row of the front end to one logit, a logistic regression over rows on one scale.

Where a second network hears beside the front end, the last number of a row is its own logit, and the two are added. The
second one has heard the very speech that the readout is taught on and is surer of it than of any other: the readout is
therefore taught without it.

While it is taught, every page or corpus that has both labels has an offset of its own, which takes up how its
recordings sound and how much of them is spoof: what remains tells the labels apart within each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ...stream.calibration import sigmoids
from ...stream.types import Floats
from .dataset import Clip
from .front import ROW

OUTLIER = 5.0
"Values beyond this many standard deviations are cut."
LOUDEST = 4.0
"Scale of a second network's logit: it is cut at OUTLIER times this."
SMOOTHING = 0.02
"Of the labels: they are not quite 0 and 1."
PENALTY, OFFSETS = 0.03, 0.01
"Of the squares of weights and of offsets, beside a mean loss."
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Readout:
    """What is done with rows (n, D): brought to one scale, outliers cut, weighed."""

    centre: Floats
    "(D,)."
    spread: Floats
    "(D,)."
    weight: Floats
    "(D,)."
    bias: float

    def normal(self, rows: Floats) -> Floats:
        """Rows (n, D) on the scale of the training set."""
        return np.asarray(((rows - self.centre) / self.spread).clip(-OUTLIER, OUTLIER), np.float32)

    def logits(self, rows: Floats) -> Floats:
        """Logits (n,) of rows (n, D): above 0 is spoof."""
        return np.asarray(self.normal(rows) @ self.weight + self.bias, np.float32)


def fit(rows: Floats, owners: Sequence[Clip], steps: int = 60) -> Readout:
    """Teach a readout.

    Args:
        rows: (n, D).
        owners: (n), the clip that each is a window of.
        steps: of L-BFGS at most, each a pass over the rows.
    """
    odds, own = shares(owners), rows
    rows = own[:, :ROW]
    size = rows.shape[1]
    centre = odds @ rows
    spread = np.sqrt(odds @ (rows - centre) ** 2) + 1e-3
    scale = Readout(centre.astype(np.float32), spread.astype(np.float32), np.zeros(size, np.float32), 0.0)
    x = scale.normal(rows)
    labels = np.array([clip.fake for clip in owners]) * (1 - 2 * SMOOTHING) + SMOOTHING
    domains, count = _domains(owners)

    def loss(given: Doubles) -> tuple[float, Doubles]:
        weight, bias, offsets = given[:size], given[size], given[size + 1 :]
        logits = x @ weight.astype(np.float32) + bias + np.append(offsets, 0.0)[domains]
        slope: Doubles = odds * (sigmoids(logits) - labels)
        moved = np.bincount(domains, slope, count + 1)[:count] + 2 * OFFSETS * offsets
        gradient = [x.T @ slope.astype(np.float32) + 2 * PENALTY * weight, slope.sum(keepdims=True), moved]
        value = odds @ (np.logaddexp(0, logits) - labels * logits)
        return float(value + PENALTY * weight @ weight + OFFSETS * offsets @ offsets), np.concatenate(gradient)

    found = minimize(loss, np.zeros(size + 1 + count), jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    weight = np.asarray(found[:size], np.float32)
    return _with_opinion(Readout(scale.centre, scale.spread, weight, float(found[size])), own.shape[1] - size)


def _with_opinion(readout: Readout, count: int) -> Readout:
    """Add the last number of rows that have `count` more to the readout's logit, as it is."""
    extra = np.ones(count, np.float32)
    centre, spread = np.append(readout.centre, 0 * extra), np.append(readout.spread, LOUDEST * extra)
    return Readout(centre, spread, np.append(readout.weight, LOUDEST * extra), readout.bias)


def shares(owners: Sequence[Clip]) -> Doubles:
    """What each window counts, (n,), summing to one: labels alike, within one a group by the square root of its size.

    A group is a domain, of spoof clips a domain's family of generators.
    """
    odds = np.zeros(len(owners))
    for fake in (False, True):
        where = [i for i, clip in enumerate(owners) if clip.fake == fake]
        names = [f"{owners[i].domain} {owners[i].family}" for i in where]
        _, member, counts = np.unique(names, return_inverse=True, return_counts=True)
        share = (1 / np.sqrt(counts))[member]
        odds[where] = share / max(share.sum(), 1e-9) / 2
    return odds


def _domains(owners: Sequence[Clip]) -> tuple[npt.NDArray[np.int64], int]:
    """Number the domains that have both labels; all others are `count`."""
    genuine, spoof = ({clip.domain for clip in owners if clip.fake == fake} for fake in (False, True))
    names = {name: number for number, name in enumerate(sorted(genuine & spoof))}
    return np.array([names.get(clip.domain, len(names)) for clip in owners]), len(names)
