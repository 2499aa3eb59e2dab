"""The crops that train.data.dev_clips cut, scored clip by clip: `python -m truefeed.train.face.dev_auc --help`.

It tells what an encoder alone reaches: mean frame logits, without motion, calibration or doubts.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ...engines import Engine, load
from ...stream.scoring.models import card_of
from ...stream.types import Floats
from ..common.loop import autocast
from ..common.metrics import auc
from ..data.face_crops import recut
from .checkpoints import read_encoder
from .pairs import PairSettings, normalise


@dataclass(frozen=True, eq=False)
class Clips:
    """Faces of labelled clips, one row a face."""

    png: npt.NDArray[np.object_]
    clip: npt.NDArray[np.str_]
    label: npt.NDArray[np.integer]
    method: npt.NDArray[np.str_]
    target: npt.NDArray[np.str_]
    time: npt.NDArray[np.floating]

    @classmethod
    def read(cls, path: Path) -> Clips:
        with np.load(path, allow_pickle=True) as file:
            return cls(*(file[k] for k in ("png", "clip", "label", "method", "target", "time")))

    def crops(self, rows: npt.NDArray[np.integer], size: int, scale: float) -> Floats:
        """(n, 3, size, size), size in px, normalised."""
        out = np.empty((len(rows), size, size, 3), np.uint8)
        for i, row in enumerate(rows):
            image = np.asarray(cv2.imdecode(self.png[row], cv2.IMREAD_COLOR), np.uint8)
            matrix = recut(image.shape[0], size, scale)
            out[i] = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        return normalise(out)


def embed(model: nn.Module, clips: Clips, rows: npt.NDArray[np.integer], size: int, scale: float) -> Floats:
    """(n, D) embeddings of the rows, from crops of size px; the last column is the frame logit."""
    model.eval()
    device = next(model.parameters()).device
    out = []
    with torch.no_grad(), autocast(device.type):
        for start in range(0, len(rows), 32):
            crops = torch.from_numpy(clips.crops(rows[start : start + 32], size, scale))
            out.append(model(crops.to(device, memory_format=torch.channels_last))[0].float().cpu().numpy())
    return np.concatenate(out)


@dataclass(frozen=True, eq=False)
class Scores:
    """Clips of the dev part, one row a clip."""

    label: npt.NDArray[np.integer]
    method: npt.NDArray[np.str_]
    target: npt.NDArray[np.str_]
    "Who is seen."
    score: npt.NDArray[np.floating]
    "Mean logit of the clip's rows."


def video_scores(clips: Clips, rows: npt.NDArray[np.integer], logits: Floats) -> Scores:
    """Take the (n,) logits of the rows together clip by clip."""
    names, first, member = np.unique(clips.clip[rows], return_index=True, return_inverse=True)
    score = np.bincount(member, logits) / np.bincount(member)
    dev = np.char.startswith(names, "dev/")
    at = rows[first][dev]
    return Scores(clips.label[at], clips.method[at], clips.target[at], score[dev])


def video_auc(clips: Clips, rows: npt.NDArray[np.integer], logits: Floats) -> dict[str, float]:
    """Video AUC on the dev part, a method against the genuine clips and all together; a clip scores its mean logit.

    rows and logits: (n,).
    """
    found = video_scores(clips, rows, logits)
    out = {}
    for name in sorted(set(found.method[found.label == 1])):
        keep = (found.label == 0) | (found.method == name)
        out[name] = auc(found.label[keep], found.score[keep])
    out["all"] = auc(found.label, found.score)
    return out


def _asked(engine: Engine, clips: Clips, rows: npt.NDArray[np.integer]) -> Floats:
    """(n,) frame logits of an exported encoder, at the size that its card says."""
    card = card_of(engine)
    return np.concatenate(
        [
            engine.run({"crops": clips.crops(rows[i : i + 1], card.input_size[0], card.crop_scale)})["embedding"][:, -1]
            for i in range(len(rows))
        ]
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.dev_auc", description=__doc__)
    parser.add_argument("--dev", type=Path, required=True, help="the file that truefeed.train.data.dev_clips wrote")
    parser.add_argument(
        "--encoder",
        type=Path,
        required=True,
        help="a checkpoint of truefeed.train.face.train_encoder, or an exported .onnx",
    )
    parser.add_argument("--size", type=int, default=192, help="side of the crop, px, as in training")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    clips = Clips.read(args.dev)
    rows = np.flatnonzero(np.char.startswith(clips.clip, "dev/"))
    if args.encoder.suffix == ".onnx":
        logits = _asked(load(args.encoder, "cpu"), clips, rows)
    else:
        logits = embed(read_encoder(args.encoder), clips, rows, args.size, PairSettings().scale)[:, -1]
    for name, value in video_auc(clips, rows, logits).items():
        sys.stdout.write(f"{name} {value:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
