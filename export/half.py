"""A model that computes in half precision: strongly typed networks take their precision from the ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from ..engines import Card, EngineError, load
from ..engines.base import Array

HALF_TOLERANCE = 0.05
"Greatest difference that half precision may make, in units of the outputs (logits)."

_HALVED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "BatchNormalization", "AveragePool", "MaxPool"} | (
    {"Clip", "LeakyRelu", "Relu", "Concat", "Flatten", "Pad", "Reshape", "Slice", "Transpose"}
)
"The operations that compute in float16."

Inputs = dict[str, npt.NDArray[np.float32]]


def computed_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose convolutions and products compute in float16; its inputs and outputs stay float32.

    Statistics, norms and softmax stay in float32, as in automatic mixed precision: sums of squares leave float16's
    range.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    full = sorted({node.op_type for node in model.graph.node} - _HALVED)
    with warnings.catch_warnings():
        # It warns of each tiny number (the 1e-12 of a division) that becomes the least of its kind.
        warnings.simplefilter("ignore")
        half: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True, op_block_list=full)
    _sort(half.graph)
    onnx.checker.check_model(half)
    return half


def _sort(graph: onnx.GraphProto) -> None:
    """Put the nodes in the order in which they can run: the converter appends its casts at the end."""
    maker = {output: i for i, node in enumerate(graph.node) for output in node.output}
    needs = {i: {maker[name] for name in node.input if name in maker} for i, node in enumerate(graph.node)}
    nodes = [graph.node[i] for i in TopologicalSorter(needs).static_order()]
    del graph.node[:]
    graph.node.extend(nodes)


def example(inputs: Mapping[str, tuple[int, ...]], card: Card | None, batch: int) -> Inputs:
    """Return noise that a model takes.

    Args:
        inputs: an input's shape; its first axis is replaced by batch.
        card: of the model; says how often a window has a row.
        batch: at least one.
    """
    rng = np.random.default_rng(0)
    found = {name: rng.normal(0, 0.5, (batch, *shape[1:])).astype(np.float32) for name, shape in inputs.items()}
    for name in found:
        if name == "mask":
            found[name][:] = 1
        elif name in ("past", "count"):
            found[name][:] = 0
        elif name == "ages":
            rows = found[name].shape[1]
            found[name][:] = np.arange(rows - 1, -1, -1) / (card.rate if card and card.rate else 1.0)
    return found


def compare(ours: Mapping[str, Array], theirs: Mapping[str, Array], path: Path, tolerance: float) -> dict[str, float]:
    """Return how far two answers, arrays (B, ...), are apart over every value. Raises EngineError beyond tolerance."""
    gaps = np.concatenate([np.abs(ours[name].astype(np.float64) - theirs[name]).ravel() for name in theirs])
    worst = float(gaps.max())
    if not worst <= tolerance:
        raise EngineError(f"{path}: differs from the model by {worst:.2e}, more than {tolerance:.0e}: nothing written")
    return {"worst": worst, "mean": float(gaps.mean()), "tolerance": tolerance}


def proved_half(model: onnx.ModelProto, path: Path, inputs: Inputs) -> tuple[onnx.ModelProto, dict[str, float]]:
    """Return the model in half precision and how far it is from the full one.

    ONNX's reference evaluator runs it: it rounds every intermediate value, as a GPU does and ONNX Runtime on a CPU
    does not. That takes seconds. Raises EngineError where the difference is more than HALF_TOLERANCE.
    """
    half = computed_in_half(model)
    names = [value.name for value in half.graph.output]
    with np.errstate(all="ignore"):  # an overflow shows in the result
        ours = dict(zip(names, ReferenceEvaluator(half).run(None, inputs), strict=True))
    return half, compare(ours, load(path, "cpu").run(inputs), path, HALF_TOLERANCE)
