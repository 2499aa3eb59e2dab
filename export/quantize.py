"""An 8-bit variant of the face encoder: `truefeed export int8 --help`.

Static quantisation (QDQ, unsigned activations, signed weights a channel each), calibrated on real crops that went
through the degradations of training. Stem and first stage stay in float: the traces that are looked for are faint
differences between neighbouring pixels, and the norms there, which take a picture's own statistics, don't bear eight
bits. So do the last layers, which have few, sensitive numbers, and a readout with the stages that it reads. Fails where
the frame logits correlate by less than --least with those in full precision.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ..engines import Engine, load
from ..stream.atomic import replacing
from ..stream.errors import ConfigError
from ..stream.scoring.models import card_of
from ..train.common.card_file import restamp
from ..train.common.metrics import auc
from ..train.face.pairs import Pairs, PairSettings
from .onnx import sha256

Batch = npt.NDArray[np.float32]

_SECOND_STAGE = "trunk.early.1.0.body.0.weight"
_FOURTH_STAGE = "trunk.early.3.0.body.0.weight"
_READOUT = "readout."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export int8", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="face.onnx, as `truefeed export` wrote it")
    parser.add_argument(
        "--faces", type=Path, required=True, help="the folder that preprocess or train.data.face_crops wrote"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--calibrate", type=int, default=100, help="pairs of crops to calibrate on (default 100)")
    parser.add_argument("--check", type=int, default=100, help="other pairs to compare on (default 100)")
    parser.add_argument("--least", type=float, default=0.99, help="correlation of the frame logits (default 0.99)")
    args = parser.parse_args(argv)
    if args.out.resolve() == args.model.resolve():
        raise ConfigError(f"--out {args.out}: would overwrite the model itself")
    plain = load(args.model, "cpu")
    card = card_of(plain)
    settings = PairSettings(size=card.input_size[0], scale=card.crop_scale)
    crops = _crops(Pairs(args.faces, settings, 0), args.calibrate)
    with replacing(args.out) as part:
        _quantize(args.model, part, crops)
        made = {"int8_of": plain.sha256, "int8_command": {k: str(v) for k, v in vars(args).items()}}
        restamp(part, replace(card, training={**card.training, **made}))
        report = compare(plain, load(part, "cpu"), _crops(Pairs(args.faces, settings, 1), args.check))
        report |= {"megabytes": round(part.stat().st_size / 1e6, 2), "sha256": sha256(part)}
        sys.stdout.write(json.dumps(report) + "\n")
        if min(report["logit_correlation"], report.get("readout_correlation", 1.0)) < args.least:
            raise ConfigError(f"{args.out}: not written: eight bits change too much (--least {args.least})")
    return 0


def _crops(pairs: Pairs, count: int) -> Batch:
    """(2 * count, 3, S, S): genuine and fake by turns."""
    rng = np.random.default_rng(pairs.seed)
    return np.concatenate([pairs.pair(rng)[0] for _ in range(count)])


def _quantize(source: Path, target: Path, crops: Batch) -> None:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rows: Iterator[Batch] = iter(np.split(crops, range(8, len(crops), 8)))

        def get_next(self) -> dict[str, Batch] | None:
            rows = next(self._rows, None)
            return None if rows is None else {"crops": rows}

    ready = target.with_suffix(".ready.onnx")
    try:
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Seven bits: without VNNI sums of two products of eight bits overflow, and the answer depends on the CPU.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=_in_float(ready),
        )
    finally:
        ready.unlink(missing_ok=True)


def _in_float(path: Path) -> list[str]:
    """Names of the nodes that do not bear eight bits: the first stage; with a readout all that it reads and does.

    It measures how little some features vary, which rounding drowns.
    """
    nodes = onnx.load(str(path)).graph.node
    read = _after(nodes, _READOUT)
    return [*_before(nodes, _FOURTH_STAGE if read else _SECOND_STAGE), *read]


def _before(nodes: Sequence[onnx.NodeProto], weight: str) -> list[str]:
    """Names of the nodes that feed the one whose weight's name ends so."""
    source = {output: node for node in nodes for output in node.output}
    waiting = [node.input[0] for node in nodes if any(name.endswith(weight) for name in node.input)]
    found: set[str] = set()
    while waiting:
        node = source.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += node.input
    return sorted(found)


def _after(nodes: Sequence[onnx.NodeProto], weights: str) -> list[str]:
    """Names of the nodes, in the order of the graph, that use weights whose names begin so, or what such nodes give."""
    given: set[str] = set()
    found = []
    for node in nodes:
        if any(name.startswith(weights) or name in given for name in node.input):
            given.update(node.output)
            found.append(node.name)
    return found


def compare(plain: Engine, small: Engine, crops: Batch) -> dict[str, Any]:
    """Compare two encoders on crops (n, 3, S, S), genuine and fake by turns: logits, readouts, AUC and time a crop."""
    labels = np.tile([0, 1], len(crops) // 2)
    out: dict[str, Any] = {"crops": len(crops)}
    logits, read = [], []
    for name, engine in (("plain", plain), ("int8", small)):
        engine.run({"crops": crops[:1]})
        began = time.process_time()
        rows = [engine.run({"crops": crops[i : i + 1]})["embedding"][0] for i in range(len(crops))]
        spent = time.process_time() - began
        logits.append(np.array([row[-1] for row in rows]))
        read.append(np.array([row[-2] for row in rows]))
        out[name] = {
            "pair_auc": round(auc(labels, logits[-1]), 4),
            "cpu_ms": round(1000 * spent / len(crops), 2),
        }
    gap = np.abs(logits[0] - logits[1])
    out["logit_difference"] = {"worst": round(float(gap.max()), 4), "mean": round(float(gap.mean()), 4)}
    out["logit_correlation"] = round(float(np.corrcoef(logits[0], logits[1])[0, 1]), 5)
    if card_of(plain).training.get("readout"):
        out["readout_correlation"] = round(float(np.corrcoef(read[0], read[1])[0, 1]), 5)
    return out


if __name__ == "__main__":
    sys.exit(main())
