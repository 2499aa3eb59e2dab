"""Spoof speech made from genuine speech: same speaker, same words, same length, sample by sample.

A copy goes through what every vocoder goes through: the waveform is reduced to a smooth spectrum (and a pitch), and
made anew from it. What is lost on the way, not who speaks or what is said, is then all that tells the two apart.
Parameters are drawn anew for each copy, so that no single setting can be learned by heart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.signal import istft, stft

from ...stream.errors import MissingExtraError
from ...stream.types import Floats

RATE = 16000
Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]


def copy(samples: Floats, kind: str, rng: np.random.Generator) -> Floats:
    """Return a re-synthesis of 16 kHz samples (n,) by one of KINDS; as long as the original, level not preserved."""
    made = KINDS[kind](samples.astype(np.float64), rng)
    out = np.zeros(len(samples), np.float32)
    out[: min(len(made), len(out))] = made[: len(out)]
    return out


def world(x: Real, rng: np.random.Generator) -> Real:
    """WORLD (Morise 2016): pitch, envelope, aperiodicity; at times warped, coded or smoothed as parametric TTS does.

    (n,) at 16 kHz, about as many out.
    """
    try:
        import pyworld
    except ImportError:
        raise MissingExtraError("pyworld", "world") from None
    f0, times = pyworld.dio(x, RATE, frame_period=5.0)
    f0 = pyworld.stonemask(x, f0, times, RATE)
    envelope = pyworld.cheaptrick(x, f0, times, RATE)
    aperiodic = pyworld.d4c(x, f0, times, RATE)
    if rng.random() < 0.5:
        size = int(rng.integers(24, 60))
        coded = pyworld.code_spectral_envelope(envelope, RATE, size)
        if rng.random() < 0.5:  # over-smoothing in time
            coded = _smooth(coded, int(rng.integers(2, 5)))
        envelope = pyworld.decode_spectral_envelope(np.ascontiguousarray(coded), RATE, 2 * (envelope.shape[1] - 1))
    if rng.random() < 0.4:
        f0 = f0 * rng.uniform(0.85, 1.18)
    if rng.random() < 0.3:
        f0 = np.where(f0 > 0, _smooth(f0[:, None], 3)[:, 0], 0.0)
    if rng.random() < 0.3:
        envelope = _warp(envelope, rng.uniform(0.9, 1.1))
    return np.asarray(pyworld.synthesize(f0, envelope, aperiodic, RATE, 5.0))


def griffin_lim(x: Real, rng: np.random.Generator) -> Real:
    """A mel spectrogram of (n,) inverted by Griffin and Lim's algorithm (with momentum: Perraudin 2013)."""
    size, hop = _frames(rng)
    magnitude = np.abs(_stft(x, size, hop))
    if rng.random() < 0.8:
        magnitude = _through_mel(magnitude, size, rng)
    momentum = rng.choice([0.0, 0.99])
    return _phase_from(magnitude, size, hop, int(rng.integers(6, 40)), momentum, rng, len(x))


def mel_magnitude(x: Real, rng: np.random.Generator) -> Real:
    """The magnitude goes through a mel filter bank and back, the phase stays: what a good neural vocoder approaches.

    (n,) at 16 kHz, in and out.
    """
    size, hop = _frames(rng)
    spectrum = _stft(x, size, hop)
    magnitude = _through_mel(np.abs(spectrum), size, rng)
    # A vocoder keeps the harmonics and loses the rest: between the mel and the true magnitude, more so at the top.
    share = np.linspace(rng.uniform(0.2, 0.8), rng.uniform(0.6, 1.0), magnitude.shape[0])[:, None]
    mixed = np.abs(spectrum) ** (1 - share) * magnitude**share
    return _istft(mixed * np.exp(1j * np.angle(spectrum)), size, hop, len(x))


def new_phase(x: Real, rng: np.random.Generator) -> Real:
    """The magnitude of (n,) stays, the phase is made anew above a frequency, or loosened everywhere."""
    size, hop = _frames(rng)
    spectrum = _stft(x, size, hop)
    angle = np.angle(spectrum)
    noise = rng.uniform(-np.pi, np.pi, angle.shape)
    cut = int(rng.uniform(0.0, 0.5) * angle.shape[0]) if rng.random() < 0.6 else 0
    strength = np.zeros(angle.shape)
    strength[cut:] = rng.uniform(0.2, 1.0)
    start = np.abs(spectrum) * np.exp(1j * (angle + strength * noise))
    return _phase_from(np.abs(spectrum), size, hop, int(rng.integers(0, 6)), 0.0, rng, len(x), start)


def upsampled(x: Real, rng: np.random.Generator) -> Real:
    """Frames of (n,) remade on a coarse grid: the periodic trace of transposed convolutions, and images."""
    factor = int(rng.choice([2, 4, 8]))
    period = int(rng.choice([4, 8, 16, 64, 80, 128, 256]))
    gain = 1.0 + rng.uniform(0.01, 0.08) * np.tile(rng.standard_normal(period), len(x) // period + 1)[: len(x)]
    low = np.fft.irfft(_halved(np.fft.rfft(x), factor), len(x))
    images = np.zeros(len(x))
    images[::factor] = low[::factor] * factor
    high = images - low  # what zero-stuffing mirrors into the upper band
    shape = _smooth(np.abs(x - low)[:, None], 160)[:, 0] / (_smooth(np.abs(high)[:, None], 160)[:, 0] + 1e-6)
    mixed = low + rng.uniform(0.3, 1.0) * (x - low) + rng.uniform(0.1, 0.6) * high * np.minimum(shape, 2.0)
    return np.asarray(mixed * gain)


KINDS: dict[str, Callable[[Real, np.random.Generator], Real]] = {
    "world": world,
    "griffinlim": griffin_lim,
    "mel": mel_magnitude,
    "phase": new_phase,
    "upsampled": upsampled,
}


def _frames(rng: np.random.Generator) -> tuple[int, int]:
    size = int(rng.choice([400, 512, 640, 800, 1024]))
    return size, size // int(rng.choice([4, 4, 5 if size % 5 == 0 else 4]))


def _stft(x: Real, size: int, hop: int) -> Complex:
    return np.asarray(stft(x, RATE, nperseg=size, noverlap=size - hop, padded=True)[2])


def _istft(spectrum: Complex, size: int, hop: int, length: int) -> Real:
    out = istft(spectrum, RATE, nperseg=size, noverlap=size - hop)[1]
    return np.asarray(np.pad(out, (0, max(0, length - len(out))))[:length])


def _phase_from(
    magnitude: Real,
    size: int,
    hop: int,
    rounds: int,
    momentum: float,
    rng: np.random.Generator,
    length: int,
    start: Complex | None = None,
) -> Real:
    current = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape)) if start is None else start
    previous = np.zeros_like(current)
    for _ in range(rounds):
        again = _stft(_istft(current, size, hop, length), size, hop)[:, : magnitude.shape[1]]
        again = np.pad(again, ((0, 0), (0, magnitude.shape[1] - again.shape[1])))
        moved = again + momentum * (again - previous)
        current, previous = magnitude * np.exp(1j * np.angle(moved)), again
    return _istft(current, size, hop, length)


def _through_mel(magnitude: Real, size: int, rng: np.random.Generator) -> Real:
    """Filter bank and back by its transpose, normalised: smooth, never negative, as a decoder sees it."""
    bank = mel_bank(size, int(rng.choice([40, 60, 80, 80, 100, 128])), float(rng.choice([7000.0, 7600.0, 8000.0])))
    back = bank / np.maximum(bank.sum(0, keepdims=True), 1e-6)
    mel = (bank / np.maximum(bank.sum(1, keepdims=True), 1e-6)) @ magnitude
    if rng.random() < 0.3:
        mel = np.exp(_smooth(np.log(mel + 1e-7).T, int(rng.integers(2, 4))).T)
    return np.asarray(back.T @ mel)


def mel_bank(size: int, count: int, top: float) -> Real:
    """Triangular mel filters, (count, size // 2 + 1), 40 Hz to top."""

    def mel(f: Real | float) -> Real:
        return np.asarray(2595.0 * np.log10(1.0 + np.asarray(f) / 700.0))

    edges = 700.0 * (10.0 ** (np.linspace(mel(40.0), mel(top), count + 2) / 2595.0) - 1.0)
    bins = np.linspace(0, RATE / 2, size // 2 + 1)[None]
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling))


def _smooth(rows: Real, width: int) -> Real:
    """Moving average along the first axis."""
    kernel = np.ones(width) / width
    return np.apply_along_axis(lambda column: np.convolve(column, kernel, "same"), 0, rows)


def _warp(envelope: Real, factor: float) -> Real:
    """Stretch the frequency axis: another length of the vocal tract."""
    bins = np.arange(envelope.shape[1])
    return np.stack([np.interp(bins * factor, bins, row) for row in envelope])


def _halved(spectrum: npt.NDArray[np.complex128], factor: int) -> npt.NDArray[np.complex128]:
    out = spectrum.copy()
    out[len(out) // factor :] = 0
    return out
