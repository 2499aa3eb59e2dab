"""What a front end makes of clips, second by second, as they come and behind lines; computed once and kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ...engines import Engine
from ...stream.atomic import replacing
from ...stream.audio.preprocess import level
from ...stream.sinks.text import clock
from ...stream.types import Floats
from ..common.source_hash import source_hash
from .channels import band, coded, disturbed, lossy, noisy, room, through
from .dataset import Clip
from .score import moments, row

Line = Callable[[Floats, np.random.Generator], Floats]


def _codec(name: str, bits: int, lost: float = 0.0) -> Line:
    def line(samples: Floats, rng: np.random.Generator) -> Floats:
        out = through(samples, name, bits)
        return lossy(out, lost, rng) if lost else out

    return line


def _drawn(samples: Floats, rng: np.random.Generator) -> Floats:
    """Send samples through what `channels` draws: a codec three times out of four, a disturbance three out of five."""
    out = coded(samples, rng) if rng.random() < 0.75 else samples
    return disturbed(out, rng) if rng.random() < 0.6 else out


CLEAN, DRAWN, OPUS = "as it comes", "drawn", "Opus 16 kbit/s, 5% loss"
LINES: dict[str, Line] = {
    CLEAN: lambda samples, rng: samples,
    "Opus 24 kbit/s": _codec("libopus", 24_000),
    "Opus 12 kbit/s": _codec("libopus", 12_000),
    OPUS: _codec("libopus", 16_000, 0.05),
    "Opus 16 kbit/s, 10% loss": _codec("libopus", 16_000, 0.1),
    "MP3 32 kbit/s": _codec("libmp3lame", 32_000),
    "AAC 32 kbit/s": _codec("aac", 32_000),
    "G.722": _codec("g722", 64_000),
    "mu-law": _codec("pcm_mulaw", 64_000),
    "AMR-NB 12.2 kbit/s": _codec("libopencore_amrnb", 12_200),
    "AMR-NB 5.9 kbit/s": _codec("libopencore_amrnb", 5_900),
    "a room": room,
    "noise, 8 to 45 dB": noisy,
    "band edges": band,
    DRAWN: _drawn,
}
"What lies between a mouth and the detector, by name."
NARROW = frozenset({"mu-law", "AMR-NB 12.2 kbit/s", "AMR-NB 5.9 kbit/s"})
"Lines of a telephone's band: the live path calls speech behind them uncertain (`narrow-line`)."


def behind(clip: Clip, line: str) -> Floats:
    """Return a clip's speech (n,) behind a line, levelled; drawn by its path, so that all models hear the same."""
    samples = clip.version(0)
    if line == CLEAN:
        return samples
    rng = np.random.default_rng((crc32(clip.path.encode()), crc32(line.encode())))
    return level(LINES[line](samples, rng))


def hear(clips: Sequence[Clip], engine: Engine, line: str, cache: Path) -> list[Floats]:
    """Return the moments (seconds, D) of each clip behind a line; kept in a file in the folder `cache`.

    The file is named after the front end, the code, the clips and the line. What is done and what is
    left is told on stderr.
    """
    names = "\n".join(f"{clip.path} {clip.samples.shape[1]}" for clip in clips)
    code = source_hash(Path(__file__))
    digest = sha256(f"{engine.sha256} {code} {line} {names}".encode()).hexdigest()[:12]
    path = cache / f"heard-{digest}.npz"
    if not path.exists():
        found, begin = [], time.monotonic()
        for number, clip in enumerate(clips, 1):
            found.append(moments(engine, behind(clip, line)))
            if number % 50 == 0 or number == len(clips):
                left = (time.monotonic() - begin) / number * (len(clips) - number)
                sys.stderr.write(f"{line}: heard {number} of {len(clips)} clips, {clock(left)} left\n")
        keep(path, found)
    with np.load(path) as file:
        return np.split(file["moments"], np.cumsum(file["counts"])[:-1])


def keep(path: Path, found: Sequence[Floats]) -> None:
    """Write moments, (seconds, D) a clip, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        np.savez(part, moments=np.concatenate(found).astype(np.float32), counts=[len(each) for each in found])


def windows(heard: Sequence[Floats], length: int, *, every: bool = False) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return rows (n, D) of windows of `length` s, and of which clip each is: the first one of each clip, or every."""
    clip, means = [], []
    for number, moments_ in enumerate(heard):
        last = len(moments_) - length + 1
        for start in range(0, last, length) if every else range(min(max(last, 0), 1)):
            clip.append(number)
            means.append(moments_[start : start + length].mean(0))
    size = heard[0].shape[1] if heard else 0
    rows = row(np.stack(means)) if means else np.zeros((0, size), np.float32)
    return np.array(clip, np.int64), rows
