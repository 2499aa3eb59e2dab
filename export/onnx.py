"""PyTorch to ONNX, with the card inside and a parity gate that fails the export."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from ..engines import Card, load
from ..engines.stamp import stamp
from ..stream.atomic import replacing

__all__ = ["OPSET", "Parity", "ParityError", "check", "export", "sha256", "stamp", "write"]

OPSET = 18


class ParityError(RuntimeError):
    """An artefact does not compute what the network computes."""


@dataclass(frozen=True)
class Parity:
    """How far an artefact is from the network, over every output value."""

    worst: float
    mean: float


def export(
    model: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: list[str],
    card: Card,
    path: Path,
    *,
    tolerance: float = 1e-3,
) -> Parity:
    """Write model to path and prove it.

    Args:
        model: in eval mode.
        inputs: real examples (B, ...), B at least 2; the batch axis becomes dynamic.
        outputs: names of the outputs, in order.
        card: stored in the file's metadata.
        path: the `.onnx` file; it appears only when parity holds.
        tolerance: greatest difference allowed, in units of the outputs.

    Returns:
        The differences measured with ONNX Runtime over two batch sizes.

    Raises:
        ParityError: beyond tolerance; nothing is left at path.
    """
    model = model.eval()
    names = list(inputs)
    batch = torch.export.Dim("batch", min=1, max=256)
    shapes = tuple({0: batch} for _ in names)
    with replacing(path) as part:
        write(model, tuple(inputs.values()), names, outputs, shapes, card, part)
        return check(model, inputs, outputs, part, tolerance)


def write(
    model: nn.Module,
    example: tuple[torch.Tensor, ...],
    names: list[str],
    outputs: list[str],
    shapes: tuple[dict[int, Any], ...],
    card: Card,
    path: Path,
) -> None:
    """Trace model on inputs (B, ...) and write it, with its card, to path; nothing is proved yet."""
    with warnings.catch_warnings():
        # The exporter warns of its own deprecated imports.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            example,
            input_names=names,
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    stamp(graph, card)
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def check(
    model: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: list[str], path: Path, tolerance: float
) -> Parity:
    """Compare a file with the network on inputs (B, ...), all and a batch of one. Raises ParityError."""
    engine = load(path, "cpu")
    gaps: list[npt.NDArray[np.float64]] = []
    for rows in (slice(None), slice(0, 1)):
        some = {name: value[rows] for name, value in inputs.items()}
        with torch.no_grad():
            theirs = model(*some.values())
        theirs = theirs if isinstance(theirs, tuple) else (theirs,)
        ours = engine.run({name: np.asarray(value.numpy(), np.float32) for name, value in some.items()})
        for name, value in zip(outputs, theirs, strict=True):
            if ours[name].shape != tuple(value.shape):
                raise ParityError(f"{path}: output {name} has shape {ours[name].shape}, not {tuple(value.shape)}")
            gaps.append(np.abs(ours[name] - value.numpy()).astype(np.float64).ravel())
    every = np.concatenate(gaps)
    result = Parity(float(every.max()), float(every.mean()))
    if not result.worst <= tolerance:
        raise ParityError(f"{path}: differs from the network by {result.worst:.2e}, more than {tolerance:.0e}")
    return result


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
