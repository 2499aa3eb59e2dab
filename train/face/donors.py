"""Who resembles whom: donors for swaps are people whose faces have much the same shape and pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...stream.types import Floats


def shapes(mesh: Floats) -> Floats:
    """(n, 468, 2) landmarks to (n, 936), the same wherever and however large a face is."""
    centred = mesh - mesh.mean(1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    return np.asarray(unit.reshape(len(mesh), -1), np.float32)


def alike(
    index: int, identity: npt.NDArray[np.str_], shape: Floats, rng: np.random.Generator, among: int = 4
) -> int | None:
    """Draw another person, one of so many that are most alike of a few; None where there is nobody else.

    identity is (n,), shape (n, 936) as `shapes` gives it.
    """
    some = rng.choice(len(identity), 32)
    other = some[identity[some] != identity[index]]
    if not len(other):
        return None
    distance = ((shape[other] - shape[index]) ** 2).sum(1)
    return int(other[np.argsort(distance)[int(rng.integers(0, min(among, len(other))))]])
