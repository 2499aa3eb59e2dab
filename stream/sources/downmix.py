"""From decoded sound of any channels to mono: their mean, where they do not cancel each other in it.

One channel of the two turned over sounds, to a person, like a voice; its mean with the other is silence, in which no
voice can be judged. So a channel that runs against a louder one is turned before the mean is taken.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame, format_dtypes

from ..types import Floats

_MEMORY = 0.25
"Correlation is measured over about so long, s."
_AGAINST, _WITH = -0.5, 0.0
"A channel is turned where its correlation with a louder one is below the first, and back where it is above the second."
_FAINT = 1e-3
"A channel of less power than this, beside the other's, is left as it is."
_BAND = 8000
"Hz: what is too high for a voice has no say, so the rate is brought down to about this."
_SILENCE = 1e-9
"Mean square under which a channel says nothing."


def channels(frame: AudioFrame) -> Floats:
    """Return decoded sound as (channels, n) float32, -1..1."""
    count, planar = frame.layout.nb_channels, frame.format.is_planar
    # Not `frame.to_ndarray`: of eight channels PyAV finds nine planes, the last of which is no memory (a crash).
    planes = frame.planes[: count if planar else 1]
    each = frame.samples * (1 if planar else count)
    data = np.stack([np.frombuffer(memoryview(plane), format_dtypes[frame.format.name], each) for plane in planes])
    if not planar:
        data = data.reshape(-1, count).T
    if data.dtype.kind == "u":
        return np.asarray(data, np.float32) / np.float32(128) - np.float32(1)
    if data.dtype.kind == "i":
        return np.asarray(data, np.float32) / np.float32(2.0 ** (8 * data.dtype.itemsize - 1))
    return np.asarray(data, np.float32)


class Downmix:
    """One stream of sound on its way to mono."""

    def __init__(self) -> None:
        self._products = np.zeros((0, 0))
        self._signs = np.zeros(0)

    def frame(self, frame: AudioFrame) -> Floats:
        """Return a decoded frame as (n,) float32, -1..1."""
        return self.mix(channels(frame), frame.sample_rate)

    def mix(self, data: Floats, rate: int) -> Floats:
        """Return the mean, (n,), of the next (channels, n) samples at rate, Hz; those in antiphase are turned."""
        if len(data) > 1:
            self._listen(data, rate)
            if (self._signs < 0).any():
                data = data * self._signs[:, None].astype(np.float32)
        return np.ascontiguousarray(data.mean(axis=0, dtype=np.float32), np.float32)

    def _listen(self, data: Floats, rate: int) -> None:
        if len(self._signs) != len(data):
            self._signs, self._products = np.ones(len(data)), np.zeros((len(data), len(data)))
        band = _voice_band(data, rate)
        self._products *= np.exp(-data.shape[1] / (_MEMORY * rate))
        self._products += band @ band.T
        power = np.diag(self._products)
        if power.max() <= _SILENCE * max(1, band.shape[1]):
            return
        correlation = self._products / np.sqrt(np.outer(power, power) + 1e-30)
        before, order = self._signs.copy(), np.argsort(-power, kind="stable")
        for place, channel in enumerate(order[1:], 1):
            louder = order[:place]
            like = louder[np.abs(correlation[channel, louder]).argmax()]
            if power[channel] > _FAINT * power[like]:
                self._signs[channel] = self._signs[like] * _turn(
                    correlation[channel, like], before[channel] * before[like]
                )
        # Which of two ways round is the right one cannot be told: as it was, then.
        if self._signs @ before < 0:
            self._signs *= -1


def _turn(correlation: float, now: float) -> float:
    """Return the sign of one channel beside another."""
    if correlation < _AGAINST:
        return -1.0
    return 1.0 if correlation > _WITH else now


def _voice_band(data: Floats, rate: int) -> npt.NDArray[np.float64]:
    """Return what counts of (channels, n) samples, without what is too low or too high for a voice."""
    step = max(1, rate // _BAND)
    count = data.shape[1] // step
    low = data[:, : count * step].reshape(len(data), count, step).mean(axis=2, dtype=np.float64)
    return np.diff(low, axis=1)
