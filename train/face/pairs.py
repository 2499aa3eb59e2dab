"""Pairs of a genuine face and a pseudo-fake made from it, degraded and cut alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ...stream.image_file import stored_image
from ...stream.types import Floats, Image
from ..data.labelled_faces import LabelledFaces
from .blend import REENACTED, Fake, Subject, make, rendered
from .degrade import age, degrade, wear
from .donors import alike, shapes
from .reenact_bank import Renders

MEAN, STD = 127.5, 127.5
DONORS = 0.35
"Share of the fakes that are swaps, where the settings say nothing else."
WORN = 0.6
"Share of the genuine pictures that were soft before they were manipulated."


@dataclass(frozen=True)
class PairSettings:
    size: int = 224
    "Side of the network's crop, px."
    scale: float = 1.0
    "Side of the crop over the side of the tight face square, before jitter."
    stored_scale: float = 1.7
    "The same of the stored crops (train.data.face_crops.SCALE)."
    donors: float = DONORS
    "Share of the fakes that are swaps."
    reenacted: float = REENACTED
    "Share of the other fakes that are reenacted; the rest are self-blended."
    rendered: float = 0.45
    "Share of all fakes that trained decoders rendered, where there are any (train.face.reenact_train)."
    degraded: bool = True
    "False leaves out what cameras, codecs and networks do."


class Pairs(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of ((2, 3, S, S) float: genuine, fake; (2, m, m) masks)."""

    def __init__(self, folder: Path, settings: PairSettings, seed: int, renders: Path | None = None) -> None:
        self.renders = Renders(renders) if renders else None
        with np.load(folder / "faces.npz") as table:
            self._take([str(folder / f) for f in table["files"]], table["mesh"], table["identity"], settings, seed)

    @classmethod
    def of(cls, faces: LabelledFaces, settings: PairSettings, seed: int) -> Pairs:
        """Draw from genuine faces of a table."""
        made = cls.__new__(cls)
        made.renders = None
        made._take([str(f) for f in faces.files], faces.mesh, faces.identity, settings, seed)
        return made

    def _take(
        self, files: list[str], mesh: Floats, identity: npt.NDArray[np.str_], settings: PairSettings, seed: int
    ) -> None:
        self.settings, self.seed, self.files = settings, seed, files
        self.mesh: Floats = mesh.astype(np.float32)
        self.identity = identity
        self.shape = shapes(self.mesh)
        # Frames of one clip are near copies, but they alone have the sharpness and the coding of real video: each clip
        # counts like 48 stills.
        counts = {k: int(n) for k, n in zip(*np.unique(self.identity, return_counts=True), strict=True)}
        weight = np.array([48 / counts[i] if counts[i] > 1 else 1.0 for i in self.identity])
        # A face that would have to be magnified teaches softness only.
        span = np.ptp(self.mesh, axis=1).max(1)
        weight *= np.clip((span - 60) / 110, 0.35, 1.0)
        self.weight = weight / weight.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            crops, masks = self.pair(rng)
            yield torch.from_numpy(crops), torch.from_numpy(masks)

    def pair(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw one pair: (2, 3, S, S) normalised RGB, and (2, m, m) masks."""
        crops, mask = self.cropped(*self.pictures(rng), self.settings.size, rng)
        return normalise(crops), np.stack([np.zeros_like(mask), mask])

    def pictures(self, rng: np.random.Generator) -> tuple[Image, Image, Floats]:
        """Draw a genuine face and a fake made from it, degraded, at the scale they are stored in, and the mask.

        (S, S, 3) BGR twice, and (S, S), 0..1.
        """
        index = int(rng.choice(len(self.files), p=self.weight))
        subject = self.subject(index, rng)
        if self.renders and rng.random() < self.settings.rendered:
            subject, fake = self._rendered(index, subject, rng)
        else:
            other = alike(index, self.identity, self.shape, rng) if rng.random() < self.settings.donors else None
            donor = None if other is None else self.subject(other)
            if self.settings.degraded and rng.random() < WORN:
                subject = Subject(wear(subject.image, rng, subject.mesh), subject.mesh)
            fake = make(subject, donor, rng, self.settings.reenacted)
        real, forged = subject.image, fake.image
        if self.settings.degraded:
            real, forged = degrade([real, forged], rng, subject.mesh)
        return real, forged, fake.mask

    def cropped(
        self, real: Image, forged: Image, mask: Floats, size: int, rng: np.random.Generator
    ) -> tuple[Image, Floats]:
        """Cut both alike: (2, size, size, 3) BGR, and the (m, m) mask of the second, m = size / 16."""
        matrix = self.cut(real.shape[0], rng, size)
        how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC], p=[0.85, 0.15]))
        crops = [
            cv2.warpAffine(i, matrix, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE) for i in (real, forged)
        ]
        mask = np.asarray(cv2.warpAffine(mask, matrix, (size, size)), np.float32)
        if rng.random() < 0.5:
            crops, mask = [c[:, ::-1] for c in crops], mask[:, ::-1]
        small = cv2.resize(np.ascontiguousarray(mask), (size // 16,) * 2, interpolation=cv2.INTER_AREA)
        return np.asarray(np.stack(crops), np.uint8), np.asarray(small, np.float32)

    def _rendered(self, index: int, subject: Subject, rng: np.random.Generator) -> tuple[Subject, Fake]:
        """Draw what a decoder rendered of this face; picture and fake may have aged, together or the picture before."""
        assert self.renders is not None
        worn = rng.random() if self.settings.degraded else 1.0
        front, region = self.renders.draw(index, subject.image, rng)
        if worn < 0.3:
            subject = Subject(wear(subject.image, rng, subject.mesh), subject.mesh)
        fake = rendered(subject, front, region, rng)
        if 0.3 <= worn < 0.6:
            real, forged = age([subject.image, fake.image], rng, subject.mesh)
            subject, fake = Subject(real, subject.mesh), Fake(forged, fake.mask, fake.kind)
        return subject, fake

    def subject(self, index: int, rng: np.random.Generator | None = None) -> Subject:
        """Read a face; with a rng, at a random resolution up to its own, as faces in calls are."""
        image = stored_image(Path(self.files[index]))
        mesh, side = self.mesh[index], image.shape[0]
        # Pixels that the network will not see cost time only.
        most = new = min(side, round(self.settings.size * self.settings.stored_scale / self.settings.scale))
        if rng is not None and rng.random() < 0.4:
            new = int(rng.uniform(min(130, most), most))
        if new < side:
            image = np.asarray(cv2.resize(image, (new, new), interpolation=cv2.INTER_AREA), np.uint8)
            mesh = mesh * (new / side)
        return Subject(image, mesh)

    def draw(self, rng: np.random.Generator) -> Subject:
        """Draw anybody's face."""
        return self.subject(int(rng.choice(len(self.files), p=self.weight)))

    def cut(self, side: int, rng: np.random.Generator, size: int | None = None) -> Floats:
        """The 2x3 matrix from the stored crop to the network's, with the slack a live detector has and some more."""
        s = self.settings
        size = size or s.size
        zoom = s.stored_scale / s.scale * size / side * float(np.exp(rng.normal(0, 0.07)))
        turn = np.deg2rad(rng.normal(0, 4))
        a = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shift = size / 2 - a @ np.full(2, side / 2) + rng.normal(0, 0.02, 2) * size
        return np.hstack([a, shift[:, None]]).astype(np.float32)


def normalise(crops: Image | np.ndarray) -> Floats:
    """(n, S, S, 3) BGR uint8 to (n, 3, S, S) RGB float32, as the card says."""
    return np.ascontiguousarray((crops[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) - MEAN) / STD)
