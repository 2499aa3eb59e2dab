"""Export the model of synthesised faces: `truefeed export still --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..engines import Card
from ..train.face.efficientnet_lite import EfficientNetLite
from ..train.face.pairs import MEAN, STD, normalise
from ..train.synthetic.dataset import SCALE, SIZE
from ..train.synthetic.networks import Moments, StillReader
from .halve import halved
from .onnx import export, sha256

VIEWS = (SCALE, 0.8)
"Scales of the crops whose mean logit counts; what does not fit into the picture is shifted inwards."


class Mirrored(nn.Module):
    """A network asked of a crop and of its mirror image; the mean counts."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S); give (B,) logits and (B, 12, 12) maps, whose mean is the logit."""
        logit, parts = self.net(crops)
        other, mirrored = self.net(crops.flip(3))
        return (logit + other) / 2, (parts + mirrored.flip(2)) / 2


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export still", description=__doc__)
    parser.add_argument("--reading", type=Path, required=True, help="the file that train.synthetic.reading wrote")
    parser.add_argument("--bank", type=Path, required=True, help="the folder of its bank, for parity")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file, such as face-still.onnx")
    args = parser.parse_args(argv)
    state = torch.load(args.reading, map_location="cpu", weights_only=True)
    crops = np.load(args.bank / "worn.npy", mmap_mode="r")
    rows = np.linspace(0, len(crops) - 1, 8).astype(int)
    inputs = {"crops": torch.from_numpy(normalise(np.asarray(crops[rows])))}
    worst = write(read(state), inputs, card(state, args.reading), args.out)
    sys.stderr.write(
        f"{args.out}  {args.out.stat().st_size / 1e6:.1f} MB  sha256 {sha256(args.out)}\n"
        f"  against the network: worst difference {worst:.1e}\n"
    )
    return 0


def read(state: dict[str, Any]) -> StillReader:
    """Build the network of a file that train.synthetic.reading wrote."""
    trunks = []
    for held in state["trunks"]:
        trunks.append(EfficientNetLite())
        trunks[-1].load_state_dict(held)
    moments = Moments(trunks, state["stages"])
    return StillReader(moments, *(state[name] for name in ("centre", "spread", "weight", "bias"))).eval()


def card(state: dict[str, Any], reading: Path) -> Card:
    """Return the card of a reading: calibrated and with thresholds, as it was fitted."""
    return Card(
        task="face-still",
        name="truefeed-face-still",
        version="0.2.0",
        input_size=(SIZE, SIZE),
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        crop_scale=SCALE,
        views=VIEWS,
        calibration=tuple(state["calibration"]),
        thresholds=dict(state["thresholds"]),
        quality={"min_face_px": 64.0},
        training={"command": state["command"], "results": state["results"], "reading_sha256": sha256(reading)},
    )


def write(net: StillReader, inputs: dict[str, Tensor], card: Card, path: Path) -> float:
    """Write the network to path and prove it on crops (B, 3, S, S), before and after the weights were halved.

    Returns the worst difference. Raises ParityError; nothing is left at path then.
    """
    model = Mirrored(net).eval()
    export(model, inputs, ["logit", "map"], card, path)
    return halved(model, inputs, ["logit", "map"], path).worst


if __name__ == "__main__":
    sys.exit(main())
