"""Export the face model: `truefeed export face --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..engines import Card
from ..stream.errors import ConfigError
from ..train.face.checkpoints import read_encoder, read_head
from ..train.face.encoder_mean import EncoderMean
from ..train.face.pairs import MEAN, STD, Pairs, PairSettings
from .halve import halved
from .onnx import Parity, export, sha256

WINDOW_S, RATE_HZ = 4.0, 16.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export face", description=__doc__)
    several = "checkpoints of truefeed.train.face.train_encoder; several: their mean is exported"
    parser.add_argument("--encoder", type=Path, nargs="+", required=True, help=several)
    parser.add_argument("--head", type=Path, help="the checkpoint of truefeed.train.face.train_head")
    parser.add_argument(
        "--faces", type=Path, required=True, help="the folder truefeed.train.data.face_crops wrote, for parity"
    )
    parser.add_argument("--size", type=int, nargs="+", default=[224], help="side of each one's crop at run time, px")
    parser.add_argument(
        "--weight", type=float, nargs="+", help="what each one's logit is worth in the mean (default 1)"
    )
    parser.add_argument("--half", action="store_true", help="keep the encoder's weights in half precision")
    parser.add_argument("--out", type=Path, required=True, help="folder for face.onnx and face-window.onnx")
    parser.add_argument("--title", default="", help="of the model, in its card (default: truefeed-NAME)")
    parser.add_argument("--name", default="face", help="of the files: NAME.onnx, NAME-window.onnx")
    args = parser.parse_args(argv)
    if args.weight and len(args.encoder) == 1:
        parser.error("--weight is for several encoders")
    weights = args.weight or [1.0] * len(args.encoder)
    if not len(args.encoder) == len(args.size) == len(weights):
        parser.error("--encoder, --size and --weight take one value for each encoder")
    args.out.mkdir(parents=True, exist_ok=True)
    settings = PairSettings(size=max(args.size))
    histories = [_history(path) for path in args.encoder]
    means = [h | {"size": size, "weight": w} for h, size, w in zip(histories, args.size, weights, strict=True)]
    encoders = [read_encoder(path) for path in args.encoder]
    reads = {"readout": True} if len(encoders) == 1 and encoders[0].settings.readout else {}
    card = Card(
        task="face",
        name=args.title or f"truefeed-{args.name}",
        version="0.2.0",
        input_size=(settings.size, settings.size),
        mean=(MEAN,) * 3,
        std=(STD,) * 3,
        crop_scale=settings.scale,
        training=histories[0] | reads if len(histories) == 1 else {"mean_of": means},
    )
    encoder = encoders[0] if len(encoders) == 1 else EncoderMean(encoders, args.size, weights).eval()
    pairs, rng = Pairs(args.faces, settings, 0), np.random.default_rng(0)
    inputs = {"crops": torch.from_numpy(np.concatenate([pairs.pair(rng)[0] for _ in range(4)]))}
    path = args.out / f"{args.name}.onnx"
    _tell(path, _written(encoder, inputs, card, path, half=args.half))
    if args.head:
        _export_head(args, card, encoder(*inputs.values())[0].detach())
    return 0


def _written(encoder: nn.Module, inputs: dict[str, torch.Tensor], card: Card, path: Path, *, half: bool) -> Parity:
    outputs = ["embedding", "map"]
    found = export(encoder, inputs, outputs, card, path)
    return halved(encoder, inputs, outputs, path) if half else found


def _export_head(args: argparse.Namespace, face: Card, embedding: torch.Tensor) -> None:
    head = read_head(args.head)
    if head.settings.readout and embedding.shape[1] != head.settings.embedding + 2:
        raise ConfigError(f"--head {args.head}: wants an encoder with a readout (truefeed.train.face.fit_readout)")
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
        training={**_history(args.head), "encoder_sha256": sha256(args.out / f"{args.name}.onnx"), "motion": moves},
    )
    ages = torch.arange(length - 1, -1, -1).float().repeat(len(embedding), 1) / RATE_HZ
    mask = (torch.arange(length)[None] >= torch.arange(len(embedding))[:, None] * 6).float()
    inputs = {"rows": embedding[:, None].repeat(1, length, 1), "ages": ages, "mask": mask}
    path = args.out / f"{args.name}-window.onnx"
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
