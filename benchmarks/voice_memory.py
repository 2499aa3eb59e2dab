"""Memory and CPU over a long run of sound: an hour of it through the live path of the voice, as fast as it goes.

`python benchmarks/voice_memory.py --clips A.flac ... --minutes 60` joins the clips, goes round, at 48 kHz in chunks of
20 ms as WebRTC delivers them, and prints every five minutes of sound what the process holds.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from scipy.signal import resample_poly
from truefeed.engines import WEIGHTS, load
from truefeed.stream.audio import RATE, VoiceScorer
from truefeed.stream.types import AudioChunk, Floats
from truefeed.train.voice.dataset import read
from truefeed.train.voice.live import joined

LIVE_RATE, CHUNK = 48_000, 960


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model", type=Path, default=WEIGHTS / "voice.onnx")
    args = parser.parse_args()
    scorer = VoiceScorer(load(args.model, "cpu", threads=1))
    speech = joined([read(path) for path in args.clips])
    pieces = _chunks(np.asarray(resample_poly(speech, LIVE_RATE // RATE, 1), np.float32))
    begin, scored, held = time.process_time(), 0, []
    for number in range(round(args.minutes * 60 * LIVE_RATE / CHUNK)):
        t = number * CHUNK / LIVE_RATE
        verdict = scorer.push(AudioChunk(next(pieces), LIVE_RATE, t, t))
        scored += verdict is not None and verdict.fake is not None
        if t % 300 == 60 or number == 0:  # the first minute fills the window and the runtime's pools
            gc.collect()
            held.append(psutil.Process().memory_info().rss / 1e6)
            print(f"{t / 60:5.1f} min of sound  {held[-1]:6.1f} MB  {scored} windows scored", flush=True)
    spent = time.process_time() - begin
    print(f"grown by {held[-1] - held[min(1, len(held) - 1)]:.1f} MB since the first minute")
    print(f"{spent / (args.minutes * 60):.3f} core for one stream")


def _chunks(samples: Floats) -> Iterator[Floats]:
    whole = samples[: len(samples) // CHUNK * CHUNK]
    return itertools.cycle(np.split(whole, len(whole) // CHUNK))


if __name__ == "__main__":
    main()
