"""An exported face model back to a checkpoint to train on from: `python -m truefeed.train.face.from_onnx --help`.

Export folds each norm into the convolution before it. Here the norms get the statistics of genuine frames of the
training clips, and a gain and offset with which the network computes the very same. Norms in which a picture's own
statistics have a share lie whole in the file and are read as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ...engines import load
from ...stream.errors import ConfigError
from ...stream.scoring.models import card_of
from ...stream.types import Floats
from ..common.loop import save
from .efficientnet_lite import Norm
from .networks import EncoderSettings, FaceEncoder
from .norm_stats import frames
from .pairs import Pairs, PairSettings


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.from_onnx", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="face.onnx")
    parser.add_argument(
        "--dataset",
        type=Path,
        help="the folder that truefeed.train.data.face_crops wrote; without it the norms only add their offsets",
    )
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint")
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px, as in training")
    parser.add_argument(
        "--own", type=float, default=0.0, help="share of a picture's own statistics, as exported or from now on"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    model = recover(args.model, args.own)
    count = 0
    if args.dataset:
        pairs = Pairs(args.dataset, PairSettings(size=args.size), args.seed)
        count = restate(model, frames(pairs, np.random.default_rng(args.seed)))
    # How it was trained before stands in its card, and goes on from there.
    command = {k: str(v) for k, v in vars(args).items()} | {"before": dict(card_of(load(args.model, "cpu")).training)}
    settings = asdict(EncoderSettings(own=args.own))
    save(args.out, {"settings": settings, "average": model.state_dict(), "command": command})
    sys.stderr.write(f"{args.out}: recovered, with the statistics of {count} frames\n")
    return 0


def recover(path: Path, own: float = 0.0) -> FaceEncoder:
    """Load the weights of an exported encoder; its norms only add the offsets that were folded in.

    Args:
        path: face.onnx.
        own: share of a picture's own statistics in the first norms.

    Raises:
        ConfigError: the file does not hold such an encoder.
    """
    held = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in onnx.load(path).graph.initializer}
    whole = [value for value in held.values() if value.dim() == 3]
    model = FaceEncoder(EncoderSettings(own=own if whole else 0.0)).eval()
    state = model.state_dict()
    norms = {name: part for name, part in model.named_modules() if isinstance(part, Norm)}
    try:
        for name in state:
            if name.rpartition(".")[0] not in norms:
                state[name] = held[name].reshape(state[name].shape)
        state |= _whole(whole, norms, state)
        for name, norm in norms.items():
            if norm.own:
                continue
            parent, _, index = name.rpartition(".")
            state[f"{name}.bias"] = held[f"{parent}.{int(index) - 1}.weight_bias"]
            state[f"{name}.weight"] = torch.full_like(state[f"{name}.bias"], (1 + norm.eps) ** 0.5)
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"{path}: not a face encoder whose norms were folded in ({error})") from None
    model.load_state_dict(state)
    return model


_PARTS = ("running_var", "running_mean", "weight", "bias")


def _whole(values: list[Tensor], norms: dict[str, Norm], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Read the norms that were not folded: their (C, 1, 1) parts lie in the order of the graph."""
    names = [f"{name}.{part}" for name, norm in norms.items() if norm.own for part in _PARTS]
    if len(names) != len(values):
        raise KeyError("statistics of its own norms: --own says what share a picture's own have")
    return {name: value.reshape(state[name].shape) for name, value in zip(names, values, strict=True)}


@torch.no_grad()
def restate(model: nn.Module, batches: Iterator[Floats]) -> int:
    """Give every norm the statistics of these (n, 3, S, S) pictures without a change of what it computes.

    Returns how many pictures there were.
    """
    norms = [part for part in model.modules() if isinstance(part, Norm) and not part.own]
    sums = {norm: [torch.zeros(norm.num_features, dtype=torch.float64) for _ in range(2)] for norm in norms}
    seen = dict.fromkeys(norms, 0)

    def note(norm: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        x = given[0].double()
        assert isinstance(norm, Norm)
        sums[norm][0] += x.sum((0, 2, 3))
        sums[norm][1] += (x * x).sum((0, 2, 3))
        seen[norm] += x.shape[0] * x.shape[2] * x.shape[3]

    hooks = [norm.register_forward_hook(note) for norm in norms]
    count = 0
    for crops in batches:
        model(torch.from_numpy(crops))
        count += len(crops)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        _restate(norm, (sums[norm][0] / seen[norm]).float(), sums[norm][1] / seen[norm])
    return count


def _restate(norm: nn.BatchNorm2d, mean: Tensor, square: Tensor) -> None:
    variance = (square - mean.double() ** 2).clamp_min(0).float()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    slope = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    offset = norm.bias - norm.running_mean * slope
    norm.bias.copy_(offset + mean * slope)
    norm.weight.copy_(slope * torch.sqrt(variance + norm.eps))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)


if __name__ == "__main__":
    sys.exit(main())
