"""Whole pictures, genuine and synthesised, with their faces: read, split, worn alike and cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ...stream.faces import CenterFace
from ...stream.faces.align import crop, face_px
from ...stream.faces.tiled_detection import find
from ...stream.image_file import read_image, stored_image
from ...stream.types import Floats, Image
from ..data import datasets
from ..face.degrade import blur, jpeg, light, noise
from ..face.pairs import normalise

SIZE, SCALE = 192, 0.95
"Side of the network's crop, px, and over that of the face square: inside the picture, whose border tells no class."
VIEWS = (SCALE, 0.85, 1.05)
"Scales of the crops whose mean logit counts in use, those that do not fit shifted inwards; training draws SCALE."
TRAIN, TUNE = 0.75, 0.067
"Shares of each source, by picture; the rest is `test`."
_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True, eq=False)
class Still:
    """One picture with the largest face in it."""

    path: Path
    fake: bool
    source: str
    part: str
    points: Floats
    "(5, 2), px."


@dataclass(frozen=True)
class Placed:
    """One picture of the split."""

    clip: datasets.Clip
    source: str
    "The folder it came from."
    part: str
    "`train`, `tune` or `test`."


def split(dataset: Path, unseen: Sequence[str], most: int, seed: int) -> list[Placed]:
    """Split a data set of stills (train.data.datasets) by picture.

    Args:
        dataset: a folder with manifest.csv, or with real/ and fake/.
        unseen: sources of which nothing is trained on: all of them is `test`.
        most: pictures taken of a source.
        seed: of the chance.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str, list[datasets.Clip]] = {}
    for clip in sorted(datasets.read(dataset), key=lambda c: c.name):
        groups.setdefault(str(Path(clip.name).parent), []).append(clip)
    out = []
    for source, clips in sorted(groups.items()):
        mine = [clips[i] for i in rng.permutation(len(clips))[:most]]
        for rank, clip in enumerate(mine):
            out.append(Placed(clip, source, "test" if source in unseen else _part(rank / len(mine))))
    return out


def read(placed: Sequence[Placed], cache: Path) -> list[Still]:
    """Find the largest face of each picture, once: cache is the file that keeps where they are."""
    known = dict(np.load(cache)) if cache.exists() else {}
    if new := [p.clip for p in placed if p.clip.name not in known]:
        detector = CenterFace()
        known |= {clip.name: _points(detector, clip.path) for clip in new}
        np.savez(cache, **known)
    found = [p for p in placed if len(known[p.clip.name])]
    return [Still(p.clip.path, p.clip.fake, p.source, p.part, known[p.clip.name]) for p in found]


def _part(share: float) -> str:
    return "train" if share < TRAIN else "tune" if share < TRAIN + TUNE else "test"


def _points(detector: CenterFace, path: Path) -> Floats:
    image = read_image(path)
    faces = [] if image is None else find(detector, image)
    return max(faces, key=lambda f: face_px(f.points)).points if faces else np.zeros((0, 2), np.float32)


class Stills(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of ((2, 3, S, S) float: genuine, synthesised; (2,) labels) of the part `train`."""

    def __init__(self, stills: Sequence[Still], twins: str, seed: int) -> None:
        """Prepare.

        Args:
            stills: as read.
            twins: source of the genuine pictures that the synthesised ones imitate: half of the genuine ones drawn.
            seed: of the chance.
        """
        self.seed = seed
        mine = [s for s in stills if s.part == "train"]
        self.fake = [s for s in mine if s.fake]
        self.twins = [s for s in mine if not s.fake and s.source == twins]
        self.other = [s for s in mine if not s.fake and s.source != twins] or self.twins
        sources, counts = np.unique([s.source for s in self.other], return_counts=True)
        weight = dict(zip(sources, np.sqrt(counts) / counts, strict=True))
        self.weight = np.array([weight[s.source] for s in self.other])
        self.weight /= self.weight.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield torch.from_numpy(self.pair(rng)), torch.tensor([0.0, 1.0])

    def pair(self, rng: np.random.Generator) -> Floats:
        """Draw a genuine and a synthesised face: (2, 3, S, S), each worn and cut by its own chance."""
        if self.twins and rng.random() < 0.5:
            real = self.twins[int(rng.integers(len(self.twins)))]
        else:
            real = self.other[int(rng.choice(len(self.other), p=self.weight))]
        return normalise(np.stack([draw(still, rng) for still in (real, self.fake[int(rng.integers(len(self.fake)))])]))


def draw(still: Still, rng: np.random.Generator) -> Image:
    """Return the face of a picture after a random history, (S, S, 3) BGR, perhaps mirrored and a part of it hidden."""
    face = worn(load(still), still.points, rng)
    if rng.random() < 0.5:
        face = np.ascontiguousarray(face[:, ::-1])
    if rng.random() < 0.3:
        # No part of the face shall be all the evidence.
        side = rng.integers(SIZE // 8, SIZE // 2, 2)
        top, left = (int(rng.integers(0, SIZE - s)) for s in side)
        face = face.copy()
        face[top : top + side[0], left : left + side[1]] = rng.integers(0, 255, 3)
    return face


def worn(image: Image, points: Floats, rng: np.random.Generator) -> Image:
    """Return the face of a picture after a random history, (S, S, 3) BGR."""
    image, points = wear(image, points, rng)
    return crop(image, jitter(points, rng), SIZE, SCALE)


def load(still: Still) -> Image:
    return stored_image(still.path)


def wear(image: Image, points: Floats, rng: np.random.Generator) -> tuple[Image, Floats]:
    """Do to a picture what happens on its way through the web; by the same chance whatever it shows."""
    # The blocks of the first coding shall not lie on those of the next.
    top, left = (int(v) for v in rng.integers(0, 8, 2))
    image, points = image[top:, left:], points - np.array([left, top], np.float32)
    for _ in range(1 if rng.random() < 0.8 else 2):
        if rng.random() < 0.65:
            factor = float(np.exp(rng.uniform(np.log(0.4), np.log(1.3))))
            image, points = resized(image, points, factor, int(rng.choice(_INTERPOLATIONS)))
        for step, chance in ((light, 0.4), (blur, 0.15), (noise, 0.15)):
            if rng.random() < chance:
                (image,) = step([image], rng)
        kind = rng.random()
        if kind < 0.6:
            image = jpeg(image, int(rng.integers(50, 96)))
        elif kind < 0.75:
            image = _webp(image, int(rng.integers(40, 96)))
    return image, points


def resized(image: Image, points: Floats, factor: float, how: int = cv2.INTER_AREA) -> tuple[Image, Floats]:
    """Return the picture by a factor smaller or larger, and the points in it."""
    height, width = image.shape[:2]
    new = max(48, round(width * factor)), max(48, round(height * factor))
    ratio = np.array([new[0] / width, new[1] / height], np.float32)
    # Pixel centres: x' + 1/2 = ratio * (x + 1/2).
    return np.asarray(cv2.resize(image, new, interpolation=how), np.uint8), (points + 0.5) * ratio - 0.5


def jitter(points: Floats, rng: np.random.Generator) -> Floats:
    """Return the points as another detection would have put them."""
    centre, side = points.mean(0), face_px(points)
    turn, zoom = np.deg2rad(rng.normal(0, 3)), float(np.exp(rng.normal(0, 0.05)))
    a = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((points - centre) @ a.T + centre + rng.normal(0, 0.02, 2) * side, np.float32)


def _webp(image: Image, quality: int) -> Image:
    coded = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


CONDITIONS = ("plain", "JPEG 75", "half size", "half size, JPEG 75")
"Histories under which the held-back pictures are judged."


def crops(stills: Sequence[Still], condition: str) -> npt.NDArray[np.uint8]:
    """Return the faces of pictures after one of CONDITIONS, (n, S, S, 3) BGR, without any chance."""
    return np.stack([crop(*after(still, condition), SIZE, SCALE) for still in stills])


def after(still: Still, condition: str) -> tuple[Image, Floats]:
    """Return a picture after one of CONDITIONS, and the points in it."""
    image, points = load(still), still.points
    if "half" in condition:
        image, points = resized(image, points, 0.5)
    return (jpeg(image, 75) if "JPEG" in condition else image), points
