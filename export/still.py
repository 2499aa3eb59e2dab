"""Export the model of synthesised faces: `truefeed export still --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..engines import Card
from ..train.face.networks import StillNet, StillSettings
from ..train.face.pairs import MEAN, STD
from ..train.synthetic import dataset
from .halve import halved
from .onnx import export, sha256


class Mapped(nn.Module):
    """Networks asked of a crop and its mirror image, with their class activation map (Zhou et al., CVPR 2016).

    The map has the logit of each part, a mean over the networks; the mean of the parts is the logit of the face.
    """

    def __init__(self, nets: Sequence[StillNet]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S); give (B,) and (B, S/32, S/32)."""
        mirrored = crops.flip(3)
        found = [_parts(net, crops) + _parts(net, mirrored).flip(2) for net in self.nets]
        parts = torch.stack(found).mean(0) / 2
        return parts.mean((1, 2)), parts


def _parts(net: nn.Module, crops: Tensor) -> Tensor:
    assert isinstance(net, StillNet)
    parts: Tensor = (net.features(crops) * net.logit.weight[0][:, None, None]).sum(1) + net.logit.bias
    return parts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export still", description=__doc__)
    runs = (
        "folders that truefeed.train.synthetic.train wrote, or files of truefeed.train.synthetic.cross_validate: "
        "their mean is exported"
    )
    parser.add_argument("--run", type=Path, nargs="+", required=True, help=runs)
    parser.add_argument("--points", type=Path, help="points.npz of the training; else it lies beside the first network")
    parser.add_argument("--dataset", type=Path, required=True, help="the pictures it was trained on, for parity")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file, such as face-still.onnx")
    args = parser.parse_args(argv)
    files = [run / "checkpoint.pt" if run.is_dir() else run for run in args.run]
    trained = [_told(file) for file in files]
    size = dataset.SIZE
    card = Card(
        task="face-still",
        name="truefeed-face-still",
        version="0.1.0",
        input_size=(size, size),
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        crop_scale=dataset.SCALE,
        views=dataset.VIEWS,
        quality={"min_face_px": 64.0},
        training=trained[0] if len(trained) == 1 else {"mean_of": trained},
    )
    placed = [p for p in dataset.split(args.dataset, [], 32, 0) if p.part == "train"]
    stills = dataset.read(placed, args.points or files[0].with_name("points.npz"))
    pairs, rng = dataset.Stills(stills, "", 0), np.random.default_rng(0)
    inputs = {"crops": torch.from_numpy(np.concatenate([pairs.pair(rng) for _ in range(4)]))}
    worst = write([read(file) for file in files], inputs, card, args.out)
    sys.stderr.write(
        f"{args.out}  {args.out.stat().st_size / 1e6:.1f} MB  sha256 {sha256(args.out)}\n"
        f"  against the network: worst difference {worst:.1e}\n"
    )
    return 0


def read(file: Path) -> StillNet:
    """Read the averaged network of a checkpoint."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    net = StillNet(StillSettings(**state.get("settings", {})))
    net.load_state_dict(state["average"])
    return net


def _told(file: Path) -> dict[str, Any]:
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {"command": state["command"], "step": state["step"], "checkpoint_sha256": sha256(file)}


def write(nets: Sequence[StillNet], inputs: dict[str, Tensor], card: Card, path: Path) -> float:
    """Write the mean of networks to path and prove it, before and after the weights were halved.

    Returns the worst difference. Raises ParityError; nothing is left at path then.
    """
    model = Mapped(nets).eval()
    outputs = ["logit", "map"]
    export(model, inputs, outputs, card, path)
    return halved(model, inputs, outputs, path).worst


if __name__ == "__main__":
    sys.exit(main())
