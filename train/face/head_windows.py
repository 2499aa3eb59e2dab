"""Windows of embeddings, genuine and pseudo-fake, for the temporal head: `python -m truefeed.train.face.head_windows`.

A pseudo-fake clip is made from a genuine one (self-blended video): every frame is manipulated in the same way, while
the landmarks that place the blend tremble and the strength flickers, as they do where a generator works frame by frame.
A still picture gives a short clip too: small camera motion is added.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import nn

from ...stream.atomic import replacing
from ...stream.faces.centerface import CenterFace
from ...stream.types import Floats, Image
from ..common.loop import autocast
from ..data.face_crops import SCALE, cut_face, largest, rows
from ..data.landmarks import FaceMesh
from .blend import Subject, make
from .checkpoints import read_encoder
from .degrade import degrade
from .pairs import Pairs, PairSettings, normalise

RATE = 8.0
ROWS = 32


@dataclass
class Sheet:
    """Windows under way to the file."""

    rows: list[Floats] = field(default_factory=list)
    ages: list[Floats] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    identity: list[str] = field(default_factory=list)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.head_windows", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with clips/manifest.csv")
    parser.add_argument(
        "--faces", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument(
        "--encoder", type=Path, required=True, help="the checkpoint of truefeed.train.face.train_encoder"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reals", type=int, default=2, help="differently degraded versions of each genuine window")
    parser.add_argument("--fakes", type=int, default=4, help="pseudo-fake versions of each genuine window")
    parser.add_argument("--stills", type=int, default=300, help="windows made from still pictures")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, rng = read_encoder(args.encoder), np.random.default_rng(args.seed)
    pairs, sheet = Pairs(args.faces, PairSettings(), args.seed), Sheet()
    for identity, subjects, times in (*_clips(args.data), *_stills(pairs, args.stills, rng)):
        for fake in (*[False] * args.reals, *[True] * args.fakes):
            seed = int(rng.integers(1 << 31))
            donor = pairs.draw(rng) if fake and rng.random() < 0.3 else None
            crops = version(subjects, donor, seed, fake=fake, size=args.size)
            add(sheet, embed(model, crops), times, int(fake), identity)
    write(args.out, sheet)
    sys.stderr.write(f"{len(sheet.rows)} windows\n")
    return 0


def write(path: Path, sheet: Sheet) -> None:
    """Write windows as train.face.train_head reads them, at once or not at all."""
    with replacing(path) as part:
        np.savez(
            part,
            rows=np.stack(sheet.rows),
            ages=np.stack(sheet.ages),
            label=np.array(sheet.label),
            identity=np.array(sheet.identity),
        )


def version(subjects: list[Subject], donor: Subject | None, seed: int, *, fake: bool, size: int) -> Floats:
    """Manipulate (or not) and degrade every frame of a window by the same random choices; cut the network's crops.

    (n, 3, size, size), normalised.
    """
    shake = np.random.default_rng(seed)
    tremble, flicker = shake.uniform(0, 0.006), shake.uniform(0, 0.25)
    crops = []
    for subject in subjects:
        image = subject.image
        if fake:
            mesh = subject.mesh + shake.normal(0, tremble * image.shape[0], 2).astype(np.float32)
            made = make(Subject(image, mesh), donor, np.random.default_rng(seed)).image
            strength = 1 - abs(shake.normal(0, flicker)) if flicker > 0.1 else 1.0
            share = max(strength, 0.3)
            image = np.asarray(cv2.addWeighted(made, share, image, 1 - share, 0), np.uint8)
        (image,) = degrade([image], np.random.default_rng([seed, 1]), subject.mesh)
        side = image.shape[0]
        zoom = SCALE * size / side * (1 + shake.normal(0, 0.01))
        shift = (size - zoom * side) / 2 + shake.normal(0, 0.008, 2) * size
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]], np.float32)
        crops.append(cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE))
    return normalise(np.stack(crops))


@torch.no_grad()
def embed(model: nn.Module, crops: Floats) -> Floats:
    """Embed normalised crops (n, 3, S, S): (n, D), the last column the frame logit."""
    with autocast("cpu"):
        out: torch.Tensor = model(torch.from_numpy(crops).to(memory_format=torch.channels_last))[0]
    return np.asarray(out.float().numpy(), np.float32)


def add(sheet: Sheet, embedding: Floats, times: Floats, label: int, identity: str) -> None:
    """Right-align a window (n, D) of times (n,), s, in ROWS rows; an absent row has age -1."""
    rows_, ages = np.zeros((ROWS, embedding.shape[1]), np.float32), np.full(ROWS, -1, np.float32)
    rows_[-len(embedding) :], ages[-len(times) :] = embedding, times[-1] - times
    sheet.rows.append(rows_)
    sheet.ages.append(ages)
    sheet.label.append(label)
    sheet.identity.append(identity)


def _clips(data: Path) -> Iterator[tuple[str, list[Subject], Floats]]:
    """Cut each genuine clip of the training part into windows of four seconds at RATE."""
    detector, mesh = CenterFace(long_side=320), FaceMesh()
    for row in rows(data / "clips" / "manifest.csv"):
        if not row["path"].startswith("real/"):
            continue
        subjects: list[Subject] = []
        times: list[float] = []
        due, side = 0.0, 0
        for t, image in _frames(data / "clips" / row["path"]):
            if t < due:
                continue
            due += 1 / RATE
            faces = detector.detect(image)
            if not faces:
                continue
            cut, _, dense, score = cut_face(image, largest(faces), mesh)
            # One size a clip, so that one seed means one manipulation.
            side = side or min(cut.shape[0], 320)
            if score > 0.5:
                small = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
                subjects.append(Subject(np.asarray(small, np.uint8), dense * (side / cut.shape[0])))
                times.append(t)
        for start in range(0, len(subjects) - ROWS // 2, ROWS):
            part = slice(start, start + ROWS)
            yield row["target_id"], subjects[part], np.array(times[part], np.float32)


def _frames(path: Path) -> Iterator[tuple[float, Image]]:
    with av.open(str(path), metadata_errors="replace") as container:
        for frame in container.decode(video=0):
            yield frame.time or 0.0, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _stills(pairs: Pairs, count: int, rng: np.random.Generator) -> Iterator[tuple[str, list[Subject], Floats]]:
    """Let the camera move a little before a still picture."""
    for index in rng.choice(len(pairs.files), count, replace=False):
        subject = pairs.subject(int(index))
        side = subject.image.shape[0]
        drift = np.cumsum(rng.normal(0, 0.004, (12, 2)), 0) * side
        moved = []
        for shift in drift:
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
            image = cv2.warpAffine(subject.image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
            moved.append(Subject(np.asarray(image, np.uint8), subject.mesh + shift.astype(np.float32)))
        yield str(pairs.identity[index]), moved, np.arange(12, dtype=np.float32) / RATE


if __name__ == "__main__":
    sys.exit(main())
