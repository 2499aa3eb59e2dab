"""Voices for the tests: speech that a voice activity detector takes for speech, and a data set of it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
from truefeed.stream.audio import RATE, level
from truefeed.stream.types import Floats


def voiced(pitch: float, seconds: float, seed: int) -> Floats:
    """Pulses through three wandering resonances, in syllables: enough of speech for a voice activity detector."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * time))) / RATE
    sound = np.zeros(len(time))
    for number in range(1, 40):
        frequency = number * pitch
        centres = (600 + 200 * np.sin(2 * np.pi * 1.7 * time), 1300 + 400 * np.sin(2 * np.pi * 1.1 * time + 1), 2600)
        gain = sum(np.exp(-(((frequency - c) / 150) ** 2)) for c in centres)
        sound += (gain + 0.02) * np.sin(number * phase)
    sound *= np.clip(np.sin(2 * np.pi * 2.2 * time + rng.uniform(0, 6)) + 0.6, 0, 1)
    return level((sound + rng.normal(0, 0.01, len(time))).astype(np.float32))


def six_voices(folder: Path) -> Path:
    """Write three genuine voices and three that are called spoof, of one clip each; the last of both are held out."""
    rows = []
    for number in range(6):
        fake = number >= 3
        name = f"{number}.flac"
        soundfile.write(folder / name, voiced(90 + 25 * number, 1.6, number), RATE)
        rows.append(
            {
                "path": name,
                "split": "dev" if number in (2, 5) else "train",
                "label": "spoof" if fake else "bonafide",
                "generator": "kokoro82m" if fake else "real",
                "source": "gen_kokoro" if fake else "own",
                "speaker": f"s{number}",
                "seconds": "1.6",
                "licence": "CC0",
            }
        )
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
