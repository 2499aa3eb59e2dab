"""The shipped models on the CPU and on another engine, in turn: python benchmarks/engines.py [--engine cuda]

Milliseconds a call at several batch sizes, one thread on the CPU, and the greatest difference of any output, over the
greatest output. Inputs are noise: speed does not depend on what is seen.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from truefeed.engines import Engine, EngineError, load

_MODELS = (
    "face.onnx",
    "face-int8.onnx",
    "face-window.onnx",
    "face-still.onnx",
    "voice.onnx",
)
_BATCHES = (1, 8, 32)
_ROUNDS = 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="cuda", help="as truefeed watch has it")
    args = parser.parse_args()
    sys.stdout.write(f"{'model':24}{'batch':>6}{'cpu ms':>9}{args.engine + ' ms':>11}{'ratio':>7}  difference\n")
    for name in _MODELS:
        try:
            slow, fast = load(name, "cpu"), load(name, args.engine)
        except EngineError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        for batch in _BATCHES:
            inputs = _inputs(slow, batch)
            pair = [_call(engine, inputs) for engine in (slow, fast)]
            one, two = (call() for call in pair)
            most = max(float(np.abs(one[k] - two[k]).max() / max(np.abs(one[k]).max(), 1e-6)) for k in one)
            times = [[_timed(call) for call in pair] for _ in range(_ROUNDS)]
            cpu, other = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
            line = f"{name:24}{batch:6}{cpu:9.2f}{other:11.2f}{cpu / other:7.1f}  {most:.1e}\n"
            sys.stdout.write(line)
            sys.stdout.flush()
    return 0


def _call(engine: Engine, inputs: dict[str, np.ndarray]) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: dict(engine.run(inputs))


def _inputs(engine: Engine, batch: int) -> dict[str, np.ndarray]:
    rng, card = np.random.default_rng(1), engine.card
    assert card is not None
    size = card.input_size
    if card.task in ("face", "face-still"):
        return {"crops": rng.uniform(-1, 1, (batch, 3, *size)).astype(np.float32)}
    if card.task == "face-window":
        ones = np.ones((batch, size[0]), np.float32)
        return {"rows": rng.normal(0, 1, (batch, *size)).astype(np.float32), "ages": ones, "mask": ones}
    noise, past = rng.normal(0, 0.1, (batch, size[0])), np.zeros((batch, size[1]))
    inputs = {"samples": noise, "past": past, "count": np.zeros((batch, 1))}
    return {name: value.astype(np.float32) for name, value in inputs.items()}


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
