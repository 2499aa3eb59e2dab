"""The last half minute as a small graph."""

from __future__ import annotations

import math
from collections import deque

import cv2

from ..types import Image, Status
from .drawing import FAINT, MUTED, STATUS, Rect, fill

SPAN = 30.0
"Length of the timeline, s."
_STEPS = 100
"Columns of the timeline."
_RANK: dict[Status, int] = {"real": 0, "uncertain": 1, "fake": 2}


class Timeline:
    """The fused probability of the last SPAN seconds in columns; where nothing was scored there is no column."""

    def __init__(self) -> None:
        self._columns: deque[tuple[int, float | None, Status]] = deque(maxlen=_STEPS + 1)

    def add(self, t: float, fake: float | None, status: Status) -> None:
        """Take the verdict of media time t, s; of several in one column the most suspicious is shown."""
        step = math.floor(t * _STEPS / SPAN)
        if self._columns and step < self._columns[-1][0]:
            self._columns.clear()  # media time went back
        if self._columns and step == self._columns[-1][0]:
            _, most, worst = self._columns.pop()
            fake = max((value for value in (most, fake) if value is not None), default=None)
            status = max(worst, status, key=_RANK.__getitem__)
        self._columns.append((step, fake, status))

    def draw(self, image: Image, rect: Rect, t: float, mark: float | None) -> None:
        """Draw it into rect of HxWx3 so that media time t, s, is at its right; mark is where an alert is raised."""
        now = math.floor(t * _STEPS / SPAN)
        fill(image, Rect(rect.left, rect.bottom - 1, rect.right, rect.bottom), FAINT)
        for step, fake, status in self._columns:
            place = _STEPS - 1 - (now - step)
            if fake is None or not 0 <= place < _STEPS:
                continue
            left = rect.left + rect.width * place // _STEPS
            right = rect.left + rect.width * (place + 1) // _STEPS
            gap = 1 if right - left > 2 else 0
            tall = max(round((rect.height - 1) * fake), 2)
            fill(image, Rect(left, rect.bottom - tall, right - gap, rect.bottom), STATUS[status])
        if mark is not None:
            y = rect.bottom - round((rect.height - 1) * mark)
            cv2.line(image, (rect.left, y), (rect.right - 1, y), MUTED, 1)
