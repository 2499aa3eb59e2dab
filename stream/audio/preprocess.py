"""From a stretch of 16 kHz sound to what the voice model sees; training and live use both come through here.

Non-speech goes out except for a short margin, because the silence before and after a synthetic sentence is an easy and
worthless clue; the loudness is set to one level for the same reason. Nothing is ever padded or looped.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import Floats
from .resample import RATE
from .vad import BLOCK, Vad, speech_blocks

__all__ = ["RATE", "level", "prepare", "speech_level", "trim"]

MARGIN = 3
"Blocks of 32 ms kept on each side of speech; a longer pause shrinks to twice this."
LEVEL_DB = -30.0
"RMS of what the model sees, dBFS."


def trim(samples: Floats, speech: npt.NDArray[np.bool_]) -> Floats:
    """Keep of samples (n,) the blocks of 512 that are speech or within 96 ms of it; what has no decision goes out.

    speech: (n // 512,) decisions, or fewer.
    """
    if not speech.any():
        return np.zeros(0, np.float32)
    kept = np.convolve(speech, np.ones(2 * MARGIN + 1))[MARGIN : MARGIN + len(speech)] > 0.5
    blocks = samples[: len(speech) * BLOCK].reshape(len(speech), BLOCK)
    return np.asarray(blocks[kept].reshape(-1), np.float32)


def speech_level(samples: Floats) -> float:
    """RMS of samples (n,), dBFS; -120 for nothing or digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10.0 * float(np.log10(max(power, 1e-12)))


def level(samples: Floats) -> Floats:
    """Remove the mean of samples (n,) and set the RMS to -30 dBFS; digital silence stays what it is."""
    if not len(samples):
        return np.asarray(samples, np.float32)
    centred = samples - np.float32(np.mean(samples, dtype=np.float64))
    power = float(np.mean(np.square(centred, dtype=np.float64)))
    if power < 1e-12:
        return np.asarray(centred, np.float32)
    return np.asarray(centred * (10.0 ** (LEVEL_DB / 20.0) / np.sqrt(power)), np.float32)


def prepare(samples: Floats, vad: Vad | None = None) -> Floats:
    """Trim and level a whole 16 kHz recording (n,) as the live path does with a window."""
    return level(trim(samples, speech_blocks(samples, vad)))
