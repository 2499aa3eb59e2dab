"""Take the encoder out of a voice model, to train on from it: `python -m truefeed.export.voice_start`.

Eight-bit weights become numbers again; what rounding took is small. `voice.tune_front --start` goes on from the result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from ..train.voice.front import Front
from .onnx import sha256

Array = npt.NDArray[np.generic]
PREFIX = "encoder."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.export.voice_start", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="voice.onnx, or a front.onnx")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint, .pt")
    args = parser.parse_args(argv)
    front = Front()
    front.encoder.load_state_dict(weights(onnx.load(str(args.model))))
    torch.save({"model": front.state_dict(), "command": f"of a model with sha256 {sha256(args.model)}"}, args.out)
    return 0


def weights(model: onnx.ModelProto) -> dict[str, torch.Tensor]:
    """Return the encoder's state by its names in torch, without what follows from its settings."""
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    state: dict[str, Array] = {}
    for name, value in held.items():
        if not name.startswith(PREFIX):
            continue
        if name.endswith("_quantized"):
            state[name.removesuffix("_quantized")] = _full(held, name)
        elif not name.endswith(("_scale", "_zero_point")):
            state[name] = value
    state |= _products(model.graph, held)
    made = (f"{PREFIX}basis", f"{PREFIX}heard")
    return {n.removeprefix(PREFIX): torch.tensor(np.asarray(v)) for n, v in state.items() if n not in made} | {
        f"{norm}.num_batches_tracked": torch.tensor(0) for norm in ("norm", "norm2")
    }


def _full(held: Mapping[str, Array], name: str) -> Array:
    """Weights are scaled channel by channel, the first axis; biases (`..._quantized_scale`) number by number."""
    stem = name.removesuffix("_quantized")
    scale = held[f"{name}_scale"] if f"{name}_scale" in held else held[f"{stem}_scale"]
    value = held[name].astype(np.float32)
    return np.asarray(value * scale.astype(np.float32).reshape(-1, *[1] * (value.ndim - 1)), np.float32)


def _products(graph: onnx.GraphProto, held: Mapping[str, Array]) -> dict[str, Array]:
    """Matrices have lost their names: each is named after the bias that is added to its product."""
    added = {source: node for node in graph.node if node.op_type == "Add" for source in node.input}
    found: dict[str, Array] = {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in held or node.output[0] not in added:
            continue
        for bias in added[node.output[0]].input:
            if bias.startswith(PREFIX) and bias.endswith(".bias"):
                found[bias.removesuffix("bias") + "weight"] = held[node.input[1]].T
    return found


if __name__ == "__main__":
    sys.exit(main())
