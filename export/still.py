"""Export the model of synthesised faces: `truefeed export still --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..engines import Card
from ..train import stills_data
from ..train.data import MEAN, STD
from ..train.networks import StillNet
from .halve import halve
from .onnx import ParityError, check, export, sha256

HALF_TOLERANCE = 0.05
"Greatest difference that half-precision weights may make, in units of the logit."


class Mapped(nn.Module):
    """The network, asked of a crop and its mirror image, with its class activation map (Zhou et al., CVPR 2016).

    The map has the logit of each part; their mean is the logit of the face.
    """

    def __init__(self, net: StillNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S); give (B,) and (B, S/32, S/32)."""
        parts = (self._parts(crops) + self._parts(crops.flip(3)).flip(2)) / 2
        return parts.mean((1, 2)), parts

    def _parts(self, crops: Tensor) -> Tensor:
        features = self.net.trunk(crops)[1]
        parts: Tensor = (features * self.net.logit.weight[0][:, None, None]).sum(1) + self.net.logit.bias
        return parts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export still", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that truefeed.train.stills wrote")
    parser.add_argument("--dataset", type=Path, required=True, help="the pictures it was trained on, for parity")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file, such as face-still.onnx")
    args = parser.parse_args(argv)
    state = torch.load(args.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    net = StillNet()
    net.load_state_dict(state["average"])
    size = stills_data.SIZE
    card = Card(
        task="face-still",
        name="truefeed-face-still",
        version="0.1.0",
        input_size=(size, size),
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        crop_scale=stills_data.SCALE,
        views=stills_data.VIEWS,
        quality={"min_face_px": 64.0},
        training={
            "command": state["command"],
            "step": state["step"],
            "checkpoint_sha256": sha256(args.run / "checkpoint.pt"),
        },
    )
    placed = [p for p in stills_data.split(args.dataset, [], 32, 0) if p.part == "train"]
    stills = stills_data.read(placed, args.run / "points.npz")
    pairs, rng = stills_data.Stills(stills, "", 0), np.random.default_rng(0)
    inputs = {"crops": torch.from_numpy(np.concatenate([pairs.pair(rng) for _ in range(4)]))}
    worst = write(net, inputs, card, args.out)
    sys.stderr.write(
        f"{args.out}  {args.out.stat().st_size / 1e6:.1f} MB  sha256 {sha256(args.out)}\n"
        f"  against the network: worst difference {worst:.1e}\n"
    )
    return 0


def write(net: StillNet, inputs: dict[str, Tensor], card: Card, path: Path) -> float:
    """Write the network to path and prove it, before and after its weights were halved; return the worst difference.

    Raises ParityError; nothing is left at path then.
    """
    model = Mapped(net).eval()
    export(model, inputs, ["logit", "map"], card, path)
    halve(path)
    try:
        return check(model, inputs, ["logit", "map"], path, HALF_TOLERANCE).worst
    except ParityError:
        path.unlink()
        raise


if __name__ == "__main__":
    sys.exit(main())
