"""The sliding window of one face: its embeddings of the last seconds, as the temporal engine takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from ..types import Floats, Window

GAP = 1.5
"A hole longer than this in the embeddings of one face starts its window anew, s."


class FaceWindow:
    """The embeddings of one face over the last seconds of media time, at most so many rows."""

    def __init__(self, seconds: float, rows: int, gap: float = GAP) -> None:
        """Start empty.

        Args:
            seconds: length of the window, s.
            rows: most rows; the oldest go first.
            gap: a longer hole starts the window anew, s.
        """
        self._seconds, self._gap = seconds, gap
        self._rows: deque[tuple[float, Floats, bool]] = deque(maxlen=rows)

    def push(self, t: float, row: Floats, good: bool = True) -> None:
        """Append the embedding (D,) of the frame at media time t, s. good: False where the crop is poor evidence."""
        if self._rows and not 0 < t - self._rows[-1][0] <= self._gap:
            self._rows.clear()
        self._rows.append((t, row, good))
        while t - self._rows[0][0] > self._seconds + 1e-6:
            self._rows.popleft()

    def window(self) -> Window:
        """Return the good rows, or all where there is none: a poor answer beats none. Needs a push before."""
        chosen = [entry for entry in self._rows if entry[2]] or list(self._rows)
        return Window(np.stack([row for _, row, _ in chosen]), np.array([t for t, _, _ in chosen], np.float64))


def pack(windows: Sequence[Window], length: int) -> dict[str, Floats]:
    """Return the inputs of the temporal engine.

    Args:
        windows: one a face, n in all.
        length: L, rows of the engine.

    Returns:
        `rows` (n, L, D), newest last, zeros before the oldest; `ages` (n, L), seconds before the newest row; `mask`
        (n, L), 1 where a row is.
    """
    width = windows[0].rows.shape[1]
    rows = np.zeros((len(windows), length, width), np.float32)
    ages = np.zeros((len(windows), length), np.float32)
    mask = np.zeros((len(windows), length), np.float32)
    for i, window in enumerate(windows):
        n = min(length, len(window.times))
        rows[i, length - n :] = window.rows[-n:]
        ages[i, length - n :] = window.times[-1] - window.times[-n:]
        mask[i, length - n :] = 1
    return {"rows": rows, "ages": ages, "mask": mask}
