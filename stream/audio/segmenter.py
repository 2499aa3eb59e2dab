"""Speech out of a stream of blocks, a second at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from ..types import Floats
from .preprocess import MARGIN, RATE


class SpeechCutter:
    """Cut a stream of blocks to its speech, as preprocess.trim cuts a recording, and that into whole seconds.

    What waits for its second to fill is forgotten `memory` seconds after it was heard: words from before a long pause
    do not go together with those after it.
    """

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._before: deque[tuple[float, Floats]] = deque(maxlen=MARGIN)
        self._speech: deque[tuple[float, Floats]] = deque()
        self._tail = 0

    def push(self, block: Floats, t: float, *, speech: bool) -> None:
        """Take a block (512,) of 16 kHz sound that ends at media time t, s, and whether it is speech."""
        if speech:
            self._speech.extend(self._before)
            self._before.clear()
            self._tail = MARGIN
        elif not self._tail:
            self._before.append((t, block))
            return
        else:
            self._tail -= 1
        self._speech.append((t, block))

    def seconds(self, t: float) -> Iterator[tuple[float, Floats]]:
        """Yield each second of speech (RATE,) that is complete at media time t, and when it ended."""
        while self._speech and self._speech[0][0] < t - self._memory:
            self._speech.popleft()
        while sum(len(block) for _, block in self._speech) >= RATE:
            parts: list[Floats] = []
            missing = RATE
            while missing:
                end, block = self._speech.popleft()
                parts.append(block[:missing])
                if len(block) > missing:
                    self._speech.appendleft((end, block[missing:]))
                missing -= len(parts[-1])
            yield end, np.concatenate(parts)
