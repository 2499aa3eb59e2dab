"""What lies between a mouth and the detector: rooms, noise, microphones, codecs, loss. Applied alike to both labels.

`coded` runs a real encoder and decoder (PyAV) and is slow enough to be done once a clip; `disturbed` is plain numpy,
done anew each time a clip is drawn. Both draw everything from the generator given, so that a genuine clip and its copy
can be sent through the very same channel.
"""

from __future__ import annotations

import io
from math import gcd
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, firwin, lfilter, resample_poly

from ...stream.types import Floats

RATE = 16000
_CODECS: dict[str, tuple[str, int, tuple[int, ...]]] = {
    # name: container, sampling rate Hz, bit rates bit/s
    "libopus": ("ogg", 16000, (12_000, 16_000, 20_000, 24_000, 32_000)),
    "libmp3lame": ("mp3", 16000, (24_000, 32_000, 48_000, 64_000)),
    "aac": ("adts", 16000, (24_000, 32_000, 48_000)),
    "pcm_mulaw": ("wav", 8000, (64_000,)),
    "pcm_alaw": ("wav", 8000, (64_000,)),
    "libopencore_amrnb": ("amr", 8000, (5_900, 7_950, 12_200)),
    "g722": ("wav", 16000, (64_000,)),
}
_ODDS = (0.35, 0.2, 0.15, 0.08, 0.04, 0.08, 0.1)


def coded(samples: Floats, rng: np.random.Generator) -> Floats:
    """Send 16 kHz samples (n,) through a codec drawn at random, at times with lost packets; as long as the input."""
    codec = str(rng.choice(list(_CODECS), p=_ODDS))
    bits = int(rng.choice(_CODECS[codec][2]))
    out = through(samples, codec, bits)
    return lossy(out, rng.uniform(0.01, 0.06), rng) if rng.random() < 0.3 else out


def through(samples: Floats, codec: str, bit_rate: int) -> Floats:
    """Encode and decode 16 kHz (n,), bit_rate in bit/s; its delay is taken out as far as the container states it."""
    form, rate, _ = _CODECS[codec]
    wave = resample_poly(samples, 1, RATE // rate) if rate != RATE else samples
    pcm = np.clip(np.round(np.asarray(wave) * 32767 * 4), -32768, 32767).astype(np.int16)  # -30 dBFS has room for 4x
    back, back_rate = _decode(_encode(pcm, codec, form, rate, bit_rate))
    common = gcd(back_rate, RATE)
    out = resample_poly(back, RATE // common, back_rate // common) if back_rate != RATE else back
    out = np.asarray(out, np.float32)[: len(samples)] / np.float32(4)
    return np.pad(out, (0, len(samples) - len(out)))


def _encode(pcm: npt.NDArray[np.int16], codec: str, form: str, rate: int, bit_rate: int) -> bytes:
    sink = io.BytesIO()
    with av.open(sink, "w", format=form) as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate))
        stream.bit_rate = bit_rate
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return sink.getvalue()


def _decode(data: bytes) -> tuple[Floats, int]:
    with av.open(io.BytesIO(data), "r") as container:
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32), rate


def lossy(samples: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Lose this share of 20 ms packets of 16 kHz (n,), in short bursts, each concealed by fading repetition."""
    out = samples.copy()
    size, gain = 320, 1.0
    for i in range(1, len(out) // size):
        again = rng.random() < (share if gain == 1.0 else 0.3)
        gain = gain * 0.7 if again else 1.0
        if again:
            out[i * size : (i + 1) * size] = 0.7 * out[(i - 1) * size : i * size]
    return out


def disturbed(samples: Floats, rng: np.random.Generator) -> Floats:
    """Send 16 kHz (n,) through a room, noise, tone control, RawBoost-like distortion and band edges, each at times."""
    x = samples.astype(np.float32)
    if rng.random() < 0.25:
        x = room(x, rng)
    if rng.random() < 0.5:
        x = _tone(x, rng)
    if rng.random() < 0.25:
        x = _distorted(x, rng)
    if rng.random() < 0.5:
        x = noisy(x, rng)
    if rng.random() < 0.1:
        top = float(np.abs(x).max()) * rng.uniform(0.2, 0.7)
        x = np.clip(x, -top, top)
    return band(x, rng) if rng.random() < 0.5 else x


def room(x: Floats, rng: np.random.Generator) -> Floats:
    """Convolve 16 kHz (n,) with an exponentially decaying noise as the impulse response (Polack's model)."""
    decay = rng.uniform(0.1, 0.7)
    time = np.arange(int(decay * RATE)) / RATE
    response = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    response *= rng.uniform(0.05, 0.5) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    return np.asarray(fftconvolve(x, response)[: len(x)], np.float32)


def _tone(x: Floats, rng: np.random.Generator) -> Floats:
    """A smooth random frequency response of up to about 10 dB either way, as short FIR."""
    knots = rng.uniform(-10, 10, 8)
    gain = 10 ** (np.interp(np.linspace(0, 7, 129), np.arange(8), knots) / 20)
    taps = np.roll(np.fft.irfft(gain), 128)[64:193] * np.hanning(129)
    return np.asarray(fftconvolve(x, taps, "same"), np.float32)


def _distorted(x: Floats, rng: np.random.Generator) -> Floats:
    """Powers of the signal through random filters, and impulsive noise (after RawBoost, Tak 2022)."""
    peak = float(np.abs(x).max()) + 1e-9
    out = x.copy()
    for power in (2, 3):
        part = (x / peak) ** power * peak * 10 ** (rng.uniform(-35, -15) / 20)
        out += lfilter(rng.uniform(-0.5, 0.5, 9), [1.0], part).astype(np.float32)
    if rng.random() < 0.5:
        where = rng.random(len(x)) < rng.uniform(0.0005, 0.01)
        out += where * rng.standard_normal(len(x)) * np.abs(x) * rng.uniform(0.1, 0.6)
    return np.asarray(out, np.float32)


def noisy(x: Floats, rng: np.random.Generator) -> Floats:
    """Add to (n,) coloured noise, -1 dB to -9 dB an octave or white, 8 to 45 dB under the speech, at times hum."""
    spectrum = np.fft.rfft(rng.standard_normal(len(x)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0) ** rng.uniform(0.0, 1.3)
    noise = np.fft.irfft(spectrum, len(x))
    if rng.random() < 0.2:
        time = np.arange(len(x)) / RATE
        hum = rng.choice([50.0, 60.0])
        noise = noise / (np.std(noise) + 1e-9) + sum(np.sin(2 * np.pi * hum * k * time) / k for k in (1, 2, 3, 5))
    scale = float(np.std(x)) * 10 ** (-rng.uniform(8, 45) / 20) / (float(np.std(noise)) + 1e-9)
    return np.asarray(x + noise * scale, np.float32)


def band(x: Floats, rng: np.random.Generator) -> Floats:
    """Band edges for 16 kHz (n,): 20 to 300 Hz below, 3.4 to 7.9 kHz above."""
    low = rng.choice([20.0, 60.0, 100.0, 300.0])
    high = 3400.0 if rng.random() < 0.15 else rng.uniform(4500.0, 7900.0)
    return np.asarray(fftconvolve(x, firwin(255, [low, high], pass_zero=False, fs=RATE), "same"), np.float32)
