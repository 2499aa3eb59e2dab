"""What, of a window of sound, speaks against scoring it or trusting the score: measures, limits, reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import Floats
from .preprocess import speech_level
from .vad import BLOCK


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """Where a measure becomes a reason. A card's `quality` may set `min_speech` and `full_speech`."""

    min_speech: float = 1.0
    "Speech in the window below which nothing is scored, s."
    full_speech: float = 2.0
    "Speech below which a score is given but not trusted, s."
    audible_db: float = -55.0
    "RMS from which a window without speech is not silence, dBFS."
    min_range_db: float = 8.0
    "Between loud and soft blocks; speech in quiet has 25 to 45, at 5 dB over steady noise about 8."
    max_clipped: float = 0.005
    "Share of samples within 3% of the peak; speech as spoken has under 0.001."
    narrow_db: float = -38.0
    "Of 4.3 to 7 kHz over 0.3 to 3.4 kHz: a telephone's band has -66 to -40 there, speech in a wider one -33 to 0."
    tonal_db: float = 7.5
    "Spread of the short-time spectrum about its own trend, dB: noise has 5.6 (a Rayleigh magnitude), music 8 to 15."
    noisy_db: float = 6.3
    "As above: at or below it a sound is noise."


def doubts(samples: Floats, speech: npt.NDArray[np.bool_], limits: SoundLimits) -> tuple[str, ...]:
    """Return the reasons, in a fixed order, for a window (n,) of 16 kHz and its decisions (n // 512,), one a block.

    `no-speech`, `music`, `noise` and `not-speech` mean that nothing is there to be scored.
    """
    seconds = speech.sum() * BLOCK / 16000
    if not speech.any():
        return (_other(samples, limits),)
    reasons = ["too-short"] if seconds < limits.full_speech else []
    if _range_db(samples) < limits.min_range_db:
        reasons.append("noise")
    if _clipped(samples) > limits.max_clipped:
        reasons.append("clipped")
    if _reach_db(samples) < limits.narrow_db:
        reasons.append("narrow-line")
    return tuple(reasons)


def _other(samples: Floats, limits: SoundLimits) -> str:
    """Name a window in which nobody speaks."""
    if speech_level(samples) < limits.audible_db:
        return "no-speech"
    spread = _spread_db(samples)
    if spread >= limits.tonal_db:
        return "music"
    return "noise" if spread <= limits.noisy_db else "not-speech"


def _range_db(samples: Floats) -> float:
    """Level of loud blocks (90th percentile) over that of soft ones (10th), dB."""
    count = len(samples) // BLOCK
    power = np.square(samples[: count * BLOCK]).reshape(count, BLOCK).mean(1)
    soft, loud = np.percentile(10 * np.log10(power + 1e-12), [10, 90])
    return float(loud - soft)


def _clipped(samples: Floats) -> float:
    """Share of samples near the window's own peak, so that clipping before a volume control is found too."""
    peak = float(np.abs(samples).max(initial=0.0))
    return float(np.mean(np.abs(samples) >= 0.97 * peak)) if peak > 0.02 else 0.0


def _reach_db(samples: Floats) -> float:
    """Power beyond a telephone's band, in the blocks that have most of it, over the mean power within, dB."""
    count = len(samples) // BLOCK
    blocks = samples[: count * BLOCK].reshape(count, BLOCK) * np.hanning(BLOCK)
    power = np.abs(np.fft.rfft(blocks, axis=1)) ** 2
    hertz = np.fft.rfftfreq(BLOCK, 1 / 16000)
    within = power[:, (hertz > 300) & (hertz < 3400)].sum(1).mean()
    beyond = np.quantile(power[:, (hertz > 4300) & (hertz < 7000)].sum(1), 0.9)
    return float(10 * np.log10((beyond + 1e-20) / (within + 1e-20)))


def _spread_db(samples: Floats) -> float:
    """Standard deviation of the log spectrum of 64 ms frames about its running mean, 100 Hz to 5 kHz, dB."""
    size = 1024
    count = len(samples) // size
    if not count:
        return 0.0
    frames = samples[: count * size].reshape(count, size) * np.hanning(size)
    log = 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-7)
    kernel = np.ones(41) / 41
    trend = np.stack([np.convolve(row, kernel, "same") for row in log])
    return float((log - trend)[:, 21:320].std())
