"""Any rate to 16 kHz, as a stream, with a polyphase FIR filter.

Every output block is computed from exactly the input span that its filter covers, so how the input was cut into chunks
cannot change a single bit of the output; the filter's delay is taken out, so output sample n belongs to the time
n / 16000 s after the first input sample.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin, upfirdn

from ..types import Floats

RATE = 16000
"Hz, of everything behind the resampler."
_LOBES = 32
"Zero crossings of the filter on each side: a transition band of about 5% of the lower Nyquist frequency."
_BETA = 9.0
"Kaiser window: about 90 dB of stop-band attenuation."
_CHUNK = 512
"Output samples computed at a time."


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> Floats:
    widest = max(up, down)
    # The cut-off lies 4% under the lower Nyquist frequency, so that what folds back is already attenuated.
    taps = firwin(2 * _LOBES * widest + 1, 0.96 / widest, window=("kaiser", _BETA))
    return np.asarray(taps * up, np.float32)


class Resampler:
    """One stream of mono sound from `rate` to 16 kHz."""

    def __init__(self, rate: int) -> None:
        """Raises ValueError for a rate that no sound has."""
        if not 1000 <= rate <= 768_000:
            raise ValueError(f"{rate} Hz is no sampling rate of sound (1000 to 768000)")
        self.rate = rate
        common = gcd(rate, RATE)
        self._up, self._down = RATE // common, rate // common
        self._taps = _filter(self._up, self._down) if rate != RATE else np.ones(1, np.float32)
        self._half = len(self._taps) // 2
        self._input: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._first = 0  # index, in the whole stream, of self._input[0]
        self._done = 0  # output samples given so far

    def push(self, samples: Floats) -> Floats:
        """Take the next samples (n,) and return what can be computed from all so far, (m,), in whole blocks of 512."""
        self._input = np.concatenate([self._input, np.asarray(samples, np.float32)])
        end = self._first + len(self._input)
        blocks = []
        while self._last_needed(self._done + _CHUNK) < end:
            blocks.append(self._block(_CHUNK))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def flush(self) -> Floats:
        """Return the rest, (m,), the input taken as followed by silence. The stream is over after it."""
        total = ceil((self._first + len(self._input)) * self._up / self._down)
        pad = self._half // self._up + _CHUNK * self._down // self._up + 2
        head = self.push(np.zeros(pad, np.float32)) if total else np.zeros(0, np.float32)
        missing = total - (self._done - len(head))
        while len(head) < missing:
            self._input = np.concatenate([self._input, np.zeros(pad, np.float32)])
            head = np.concatenate([head, self._block(_CHUNK)])
        return head[:missing]

    def _last_needed(self, outputs: int) -> int:
        """Index of the last input sample that output sample `outputs - 1` depends on."""
        return ((outputs - 1) * self._down + self._half) // self._up

    def _block(self, count: int) -> Floats:
        if self.rate == RATE:
            out = self._input[:count].copy()
            self._input, self._first = self._input[count:], self._first + count
            self._done += count
            return out
        # On the grid of rate * up: output n lies at n * down, input m at m * up, the taps reach half to each side.
        begin = self._done * self._down - self._half
        first = max(0, -(-begin // self._up))
        last = self._last_needed(self._done + count)
        span = self._input[first - self._first : last + 1 - self._first]
        # upfirdn delays by `half`: output n of the stream is at n * down + half - first * up of its result.
        offset = self._done * self._down + self._half - first * self._up
        out = _strided(span, self._taps, self._up, self._down, offset, count)
        self._done += count
        keep = max(0, -(-(self._done * self._down - self._half) // self._up))
        self._input, self._first = self._input[keep - self._first :], max(keep, self._first)
        return out


def _strided(span: Floats, taps: Floats, up: int, down: int, offset: int, count: int) -> Floats:
    """Return `count` values of the filtered, upsampled span, every `down`-th from `offset` on."""
    # Leading zero taps shift the grid so that a multiple of `down` falls on `offset`.
    shift = -offset % down
    shifted = np.concatenate([np.zeros(shift, np.float32), taps])
    start = (offset + shift) // down
    full = upfirdn(shifted, span, up, down)
    return np.asarray(full[start : start + count], np.float32)


def resample(samples: Floats, rate: int) -> Floats:
    """Resample a whole mono recording (n,) of rate Hz to 16 kHz; the same numbers as pushing it through a Resampler."""
    stream = Resampler(rate)
    head = stream.push(samples)
    return np.concatenate([head, stream.flush()])
