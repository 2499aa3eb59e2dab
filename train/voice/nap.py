"""What changes in a row with the recording, not with how the voice was made: directions that are taken out of it.

Nuisance attribute projection (Solomonoff, Campbell and Boardman, "Advances in Channel Compensation for SVM Speaker
Recognition", ICASSP 2005) for two nuisances: which recordings a genuine window is of, and by which family of generators
a spoof one was made. Clips of other recordings, of generators that were left out, are told better without them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...stream.types import Floats
from .dataset import Clip

LEAST = 3
"Windows that a mean is taken of."
FAMILIES = 1
"Directions in which families differ: more of them would take what all spoof speech has in common along."
Doubles = npt.NDArray[np.float64]


def directions(rows: Floats, owners: Sequence[Clip]) -> Floats:
    """Return orthonormal directions (k, size): all in which means of genuine recordings differ, and FAMILIES of spoofs.

    Args:
        rows: (n, size), on the scale of the training set.
        owners: (n,), the clip of each.
    """
    values = np.asarray(rows, np.float64)
    fake = np.array([clip.fake for clip in owners], bool)
    domain, family = (np.array([getattr(clip, name) for clip in owners]) for name in ("domain", "family"))
    found = _spanned(_means(values[~fake], domain[~fake]))
    values = values - values @ found.T @ found
    found = np.concatenate([found, _spanned(_means(values[fake], family[fake]))[:FAMILIES]])
    return np.asarray(found, np.float32)


def _means(values: Doubles, names: npt.NDArray[np.str_]) -> Doubles:
    """One mean a name that has LEAST windows, (m, size)."""
    kept = [name for name in sorted(set(names)) if (names == name).sum() >= LEAST]
    return np.stack([values[names == name].mean(0) for name in kept]) if kept else np.zeros((0, values.shape[1]))


def _spanned(points: Doubles) -> Doubles:
    """Return orthonormal rows that span the differences of points (m, size), the longest first: (m - 1, size)."""
    if len(points) < 2:
        return np.zeros((0, points.shape[1]))
    return np.asarray(np.linalg.svd(points - points.mean(0), full_matrices=False)[2][: len(points) - 1])
