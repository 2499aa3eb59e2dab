"""What was found of each face over a whole file or stream, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_CELLS = 4096
_FACES = 256
SPAN = 10.0
"A face is judged by this much of its most suspicious time, or by a tenth of it where that is more, s."


@dataclass(slots=True)
class FaceRecord:
    """All that is kept of one face."""

    first: float
    "Media time, s."
    last: float
    "Media time, s."
    frames: int = 0
    "Frames scored."
    rows: int = 0
    "Frames of good evidence among them."
    seconds: float = 0.0
    "Time that those cover, s."
    reasons: Counter[str] = field(default_factory=Counter)
    "Frames a reason."
    cells: dict[int, list[float]] = field(default_factory=dict)
    "Weight and weighted sum of logits a stretch of time."


class History:
    """Sums of logits a face and a second; the seconds grow to two, four... where a stream is long."""

    def __init__(self, width: float = 1.0) -> None:
        self.width = width
        "Length of a stretch, s."
        self.faces: dict[int, FaceRecord] = {}

    def add(self, t: float, face: int, logit: float, weight: float, reasons: Sequence[str]) -> None:
        """Take one scored face.

        Args:
            t: media time, s.
            face: the track's id.
            logit: of its window.
            weight: greater than 0.
            reasons: why the frame is poor evidence.
        """
        record = self.faces.get(face)
        if record is None:
            record = self.faces[face] = FaceRecord(t, t)
            self._forget()
        if not reasons:
            record.seconds += min(t - record.last, 1.5)
            record.rows += 1
        record.last = t
        record.frames += 1
        record.reasons.update(reasons)
        cell = record.cells.setdefault(int(t // self.width), [0.0, 0.0])
        cell[0] += weight
        cell[1] += weight * logit
        if len(record.cells) > _CELLS // max(1, min(len(self.faces), 8)):
            self._merge()

    def logit(self, face: int) -> float:
        """Return the mean logit over the face's most suspicious time: SPAN, or a tenth of all where that is more.

        A manipulation that lasts only for a part of a long file is not drowned in the rest, and one wild second does
        not decide. A file no longer than SPAN is judged by its plain mean.
        """
        cells = np.array(list(self.faces[face].cells.values()))
        means = cells[:, 1] / cells[:, 0]
        keep = max(int(np.ceil(SPAN / self.width)), int(np.ceil(len(cells) / 10)))
        # One cell more than SPAN: a clip of ten seconds rarely starts on a full one.
        best = np.argsort(-means)[: keep + 1] if len(cells) > keep + 1 else slice(None)
        return float(cells[best, 1].sum() / cells[best, 0].sum())

    def timeline(self) -> list[tuple[float, dict[int, float]]]:
        """Return (t, {face: mean logit}) a stretch in which a face was scored, oldest first."""
        stretches: dict[int, dict[int, float]] = {}
        for face, record in self.faces.items():
            for index, (weight, total) in record.cells.items():
                stretches.setdefault(index, {})[face] = total / weight
        return [(index * self.width, stretches[index]) for index in sorted(stretches)]

    def _merge(self) -> None:
        self.width *= 2
        for record in self.faces.values():
            merged: dict[int, list[float]] = {}
            for index, (weight, total) in record.cells.items():
                cell = merged.setdefault(index // 2, [0.0, 0.0])
                cell[0] += weight
                cell[1] += total
            record.cells = merged

    def _forget(self) -> None:
        """Where a stream showed very many faces, drop the one with the least evidence; never the latest."""
        if len(self.faces) > _FACES:
            *old, _ = self.faces
            del self.faces[min(old, key=lambda face: self.faces[face].frames)]
