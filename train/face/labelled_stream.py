"""Pairs of a genuine face and a labelled fake, in one stream with the pseudo-fakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ...stream.image_file import stored_image
from ...stream.types import Floats, Image
from ..data import landmark_template
from ..data.labelled_faces import LabelledFaces
from ..data.prepared import Faces
from .degrade import degrade
from .labelled_pairs import LabelledPairs
from .pairs import Pairs, normalise

_LEAST_PX = 96
"Least side of a stored crop that pairs are made smaller to."


class LabelledStream(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of pairs as Pairs yields them: some with a labelled fake, the others with a pseudo-fake.

    A labelled fake stands beside its genuine clip where that is known, else beside its person's, else beside anyone's;
    both have one resolution and went through the same camera, codec and network, so that neither size nor coding tells
    them apart. Methods count by the root of their clips, so that none drowns the others. Where such a fake was changed
    nobody says: its mask is NaN. Half of the pseudo-fakes are blended, half made as programs for live calls do it.
    """

    def __init__(self, pairs: Pairs, clips: Sequence[Faces], share: float) -> None:
        """Prepare.

        Args:
            pairs: of the genuine faces that pseudo-fakes are made of; cuts them all.
            clips: to learn from, genuine ones among them.
            share: of the pairs that have a labelled fake.
        """
        self.pairs, self.share = pairs, share
        self.genuine = [faces for faces in clips if not faces.clip.fake]
        self._named = {faces.clip.name: faces for faces in self.genuine}
        self._people: dict[str, list[Faces]] = {}
        for faces in self.genuine:
            self._people.setdefault(faces.clip.identity, []).append(faces)
        self.methods: dict[str, list[Faces]] = {}
        for faces in clips:
            if faces.clip.fake:
                self.methods.setdefault(faces.clip.method, []).append(faces)
        self._pseudo = LabelledPairs(_table(pairs), pairs.settings, pairs.seed)
        weight = np.sqrt([len(held) for held in self.methods.values()])
        self._weight = weight / weight.sum() if len(weight) else weight

    def __len__(self) -> int:
        """Return how many faces there are to learn from: an epoch."""
        labelled = sum(len(faces.files) for held in self.methods.values() for faces in held)
        return max(len(self.pairs.files), round(labelled * self.share) if self.methods else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = self._pseudo.rng = np.random.default_rng([self.pairs.seed, worker.id if worker else 0])
        while True:
            labelled = bool(self.methods) and rng.random() < self.share
            crops, masks = self.pair(rng) if labelled else self.pseudo(rng)
            yield torch.from_numpy(crops), torch.from_numpy(masks)

    def pseudo(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a genuine face and a pseudo-fake of it, as pair does: (2, 3, S, S) and masks (2, m, m)."""
        drawn = self._pseudo.draw(str(rng.choice(["pseudo", "live"])))
        return normalise(drawn.crops), np.stack([np.zeros_like(drawn.mask), drawn.mask])

    def pair(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a genuine face and a labelled fake: (2, 3, S, S) normalised RGB, and (2, m, m) masks."""
        held = list(self.methods.values())[int(rng.choice(len(self.methods), p=self._weight))]
        fake = held[int(rng.integers(len(held)))]
        at = int(rng.integers(len(fake.files)))
        genuine = self._partner(fake, rng)
        beside = int(np.argmin(np.abs(genuine.t - fake.t[at]) + rng.uniform(0, 0.5, len(genuine.t))))
        images = [read_face(genuine.files[beside]), read_face(fake.files[at])]
        side = min(image.shape[0] for image in images)
        if rng.random() < 0.3:
            side = int(rng.uniform(min(_LEAST_PX, side), side))
        points = genuine.points[beside] * (side / images[0].shape[0])
        same = degrade([_sized(image, side) for image in images], rng, landmark_template.landmarks(points))
        size = self.pairs.settings.size
        crops, unchanged = self.pairs.cropped(same[0], same[1], np.zeros((side, side), np.float32), size, rng)
        return normalise(crops), np.stack([unchanged, np.full_like(unchanged, np.nan)])

    def _partner(self, fake: Faces, rng: np.random.Generator) -> Faces:
        if (own := self._named.get(fake.clip.pair)) is not None:
            return own
        some = self._people.get(fake.clip.identity) or self.genuine
        return some[int(rng.integers(len(some)))]


def read_face(path: Path) -> Image:
    """Read a stored crop, (S, S, 3) BGR. Raises SourceError."""
    return stored_image(path)


def _sized(image: Image, side: int) -> Image:
    if image.shape[0] == side:
        return image
    how = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=how), np.uint8)


def _table(pairs: Pairs) -> LabelledFaces:
    """Return the genuine faces as the table that LabelledPairs draws from."""
    count = len(pairs.files)
    name, none = np.full(count, "genuine"), np.zeros(count, np.float32)
    files = np.array(pairs.files)
    label, motion = np.zeros(count, np.int64), np.zeros((count, 0), np.float32)
    return LabelledFaces(files, label, name, pairs.identity, name, pairs.identity, none, none, pairs.mesh, motion)
