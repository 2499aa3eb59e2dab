"""Weights in half precision: half the file; a runtime widens them once, as it loads, and computes as before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..stream.atomic import write_bytes
from .onnx import Parity, ParityError, check

HALF_TOLERANCE = 0.05
"Greatest difference that half-precision weights may make, in units of the logit."

_LEAST = 1024
"Values a tensor has at least to be worth it; what is smaller (scales, biases) stays exact."


def halved(model: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: list[str], path: Path) -> Parity:
    """Halve the weights of an exported file and prove it again on inputs (B, ...).

    Raises ParityError; nothing is left at path then.
    """
    halve(path)
    try:
        return check(model, inputs, outputs, path, HALF_TOLERANCE)
    except ParityError:
        path.unlink()
        raise


def halve(path: Path) -> None:
    """Rewrite the file with its large float32 weights as float16 and a cast behind each; the card stays.

    Raises ValueError where a weight is out of float16's range.
    """
    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _LEAST:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"{path}: the weights {tensor.name} do not fit into half precision")
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(half, f"{tensor.name}_half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())
