"""Export the face model: `python -m truefeed.export.face --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from ..engines import Card
from ..train.data import MEAN, STD, Pairs, PairSettings
from ..train.weights import read_encoder, read_head
from .onnx import Parity, export, sha256

WINDOW_S, RATE_HZ = 4.0, 16.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.export.face", description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True, help="the checkpoint of truefeed.train.video")
    parser.add_argument("--head", type=Path, help="the checkpoint of truefeed.train.temporal")
    parser.add_argument("--faces", type=Path, required=True, help="the folder truefeed.train.faces wrote, for parity")
    parser.add_argument("--size", type=int, default=224, help="side of the crop at run time, px")
    parser.add_argument("--out", type=Path, required=True, help="folder for face.onnx and face-window.onnx")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = PairSettings()
    card = Card(
        task="face",
        name="truefeed-face",
        version="0.1.0",
        input_size=(args.size, args.size),
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        crop_scale=settings.scale,
        training=_history(args.encoder),
    )
    encoder = read_encoder(args.encoder)
    pairs, rng = Pairs(args.faces, PairSettings(size=args.size), 0), np.random.default_rng(0)
    crops = torch.from_numpy(np.concatenate([pairs.pair(rng)[0] for _ in range(4)]))
    path = args.out / "face.onnx"
    _tell(path, export(encoder, {"crops": crops}, ["embedding", "map"], card, path))
    if args.head:
        _export_head(args, card, encoder(crops)[0].detach())
    return 0


def _export_head(args: argparse.Namespace, face: Card, embedding: torch.Tensor) -> None:
    head = read_head(args.head)
    length, moves = head.settings.rows, head.settings.motion
    if moves:
        still = torch.cat([torch.randn(len(embedding), moves - 1), torch.ones(len(embedding), 1)], 1)
        embedding = torch.cat([embedding[:, :-1], still, embedding[:, -1:]], 1)
    card = Card(
        task="face-window",
        name=face.name,
        version=face.version,
        input_size=(length, embedding.shape[1]),
        window=WINDOW_S,
        rate=RATE_HZ,
        training={**_history(args.head), "encoder_sha256": sha256(args.out / "face.onnx"), "motion": moves},
    )
    ages = torch.arange(length - 1, -1, -1).float().repeat(len(embedding), 1) / RATE_HZ
    mask = (torch.arange(length)[None] >= torch.arange(len(embedding))[:, None] * 6).float()
    inputs = {"rows": embedding[:, None].repeat(1, length, 1), "ages": ages, "mask": mask}
    path = args.out / "face-window.onnx"
    _tell(path, export(head, inputs, ["logit"], card, path))


def _history(checkpoint: Path) -> dict[str, object]:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return {"command": state["command"], "checkpoint_sha256": sha256(checkpoint)}


def _tell(path: Path, parity: Parity) -> None:
    size = path.stat().st_size / 1e6
    sys.stderr.write(
        f"{path}  {size:.1f} MB  sha256 {sha256(path)}\n"
        f"  against the network: worst difference {parity.worst:.2e}, mean {parity.mean:.2e}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
