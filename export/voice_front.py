"""Write the voice model's front end to ONNX, its convolutions in eight bits: `python -m truefeed.export.voice_front`.

The rows that the perceptrons are trained on come out of this very file, so what eight bits change is learned with the
rest, and the model that ships is this file with the perceptrons behind it.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ..engines import Card, load
from ..stream.atomic import replacing
from ..stream.audio import RATE, level
from ..stream.types import Floats
from ..train.voice.dataset import Clip
from ..train.voice.dataset import load as load_clips
from ..train.voice.front import Front, read, row
from .onnx import ParityError, sha256, write

CORRELATION = 0.98
"Least mean correlation over windows of a number of the row, in eight bits, with itself in full."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.export.voice_front", description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="front.pt of `python -m truefeed.train.voice.tune_front`"
    )
    parser.add_argument("--dataset", type=Path, required=True, help="for the ranges of the activations")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file")
    args = parser.parse_args(argv)
    front, made = read(args.checkpoint)
    windows = examples(load_clips(args.dataset, args.cache / "clips.npz", 1))
    card = Card("voice-front", "truefeed-voice-front", "0.2.0", training={"command": made})
    worst = export(front.eval(), windows, card, args.out)
    sys.stderr.write(f"{args.out}  {args.out.stat().st_size / 1e6:.1f} MB  sha256 {sha256(args.out)}\n")
    sys.stderr.write(f"  mean correlation with full precision {worst:.4f}\n")
    return 0


def examples(clips: Sequence[Clip], count: int = 96) -> list[Floats]:
    """Seconds (RATE,) of training clips of all kinds, at -30 dBFS."""
    long = [c for c in clips if c.split == "train" and c.samples.shape[1] >= RATE]
    chosen = long[:: max(1, len(long) // count)][:count]
    return [level(clip.version(i % 3)[:RATE]) for i, clip in enumerate(chosen)]


def export(front: Front, windows: Sequence[Floats], card: Card, path: Path) -> float:
    """Write, quantise and compare on windows (RATE,); return the mean correlation with full precision.

    Raises ParityError, and leaves nothing behind, under CORRELATION.
    """
    full = path.with_suffix(".full.onnx")
    shapes = ({0: torch.export.Dim("batch", min=1, max=256), 1: torch.export.Dim.DYNAMIC},)
    write(front, (torch.randn(2, RATE) * 0.03,), ["samples"], ["moments"], shapes, card, full)
    with replacing(path) as part:
        _quantise(full, part, windows[::2])
        same = _agreement(front, part, windows[1::2])
        full.unlink()
        if not same >= CORRELATION:
            raise ParityError(f"{path}: correlates with the network by {same:.3f}, less than {CORRELATION}")
    return same


def _quantise(full: Path, out: Path, windows: Sequence[Floats]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._windows: Iterator[Floats] = iter(windows)

        def get_next(self) -> dict[str, Floats] | None:
            window = next(self._windows, None)
            return None if window is None else {"samples": window[None]}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize_static(
            str(full),
            str(out),
            Reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Seven bits: without VNNI sums of two products of eight bits overflow, and a voice would depend on the CPU.
            reduce_range=True,
            per_channel=True,
            nodes_to_quantize=_convolutions(full),
        )


def _convolutions(path: Path) -> list[str]:
    """Names of the 2-D convolutions, and of what follows each of them at once."""
    import onnx

    graph = onnx.load(str(path)).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    convs = [n for n in graph.node if n.op_type == "Conv" and len(shapes.get(n.input[1], ())) == 4]
    outputs = {c.output[0] for c in convs}
    rest = [n.name for n in graph.node if n.op_type == "LeakyRelu" and n.input[0] in outputs]
    return [c.name for c in convs] + rest


@torch.no_grad()
def _agreement(front: Front, path: Path, windows: Sequence[Floats]) -> float:
    engine = load(path, "cpu")
    theirs = np.concatenate([row(front(torch.from_numpy(w[None]))).numpy() for w in windows])
    ours = np.concatenate([row(torch.from_numpy(engine.run({"samples": w[None]})["moments"])).numpy() for w in windows])
    a, b = (x - x.mean(0) for x in (theirs, ours))
    spread = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    alive = spread > 1e-4 * np.median(spread)
    return float(((a * b).sum(0)[alive] / spread[alive]).mean())


if __name__ == "__main__":
    sys.exit(main())
