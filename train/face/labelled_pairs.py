"""Pairs of a genuine face and a fake, real fakes and pseudo-fakes alike, degraded and cut alike.

Nothing but the manipulation may tell the two of a pair apart: a fake stands beside the genuine picture that it was
made of where there is one (else one of its page, else of anybody), both are brought to the same number of pixels, and
camera, codec and network do the same to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...stream.types import Floats, Image
from ..data.labelled_faces import LabelledFaces
from .blend import Subject, make
from .blend.live import live_swap
from .degrade import degrade, wear
from .donors import alike
from .pairs import DONORS, WORN, Pairs, PairSettings

KINDS = ("fake", "genuine", "pseudo", "live")
"""A real fake beside a genuine face, two genuine faces, a pseudo-fake (face.blend) beside what it was made of, and one
as programs for live calls make it."""
_LEAST = 96
"Pictures are not made smaller than this, px."


@dataclass(frozen=True, eq=False)
class Pair:
    crops: Image
    "(2, S, S, 3) BGR: genuine, fake; both genuine where the kind is `genuine`."
    mask: Floats
    "(m, m), m = S / 16: where the second was manipulated, as far as it is known."
    rows: tuple[int, int]
    "Of the table, what each was made of."
    kind: str


class LabelledPairs:
    """Draws pairs from a table of labelled faces."""

    def __init__(self, faces: LabelledFaces, settings: PairSettings, seed: int) -> None:
        self.faces, self.settings = faces, settings
        self.rng = np.random.default_rng(seed)
        self.genuine = np.flatnonzero(faces.label == 0)
        """Rows of genuine faces; those of a clip that fakes were made of are not manipulated again."""
        self.plain = self.genuine[~np.isin(faces.group[self.genuine], np.unique(faces.group[faces.label == 1]))]
        self.pairs = Pairs.of(faces.rows(self.plain), settings, seed)
        self.video = self.plain[np.char.find(faces.clip[self.plain], ".mp4") >= 0]
        _, member, counts = np.unique(faces.clip[self.video], return_inverse=True, return_counts=True)
        share = 1 / counts[member]
        self._share = share / share.sum()

    def draw(self, kind: str, row: int | None = None) -> Pair:
        """Draw a pair of one of KINDS; a `fake` is the face of this row."""
        if kind == "fake":
            assert row is not None
            return self._alike(self.partner(row), row, kind)
        if kind == "genuine":
            first, second = self.rng.choice(self.video, 2, p=self._share)
            return self._alike(int(first), int(second), kind)
        return self._pseudo(kind)

    def partner(self, row: int) -> int:
        """The genuine face for a fake: its own original of about that time, else one of its page, else anybody's."""
        faces, rng = self.faces, self.rng
        page = self.genuine[faces.group[self.genuine] == faces.group[row]]
        own = page[faces.identity[page] == faces.identity[row]]
        if len(own):
            return int(own[np.argmin(np.abs(faces.t[own] - faces.t[row]))])
        if len(page) and rng.random() < 0.5:
            return int(rng.choice(page))
        return int(rng.choice(self.video, p=self._share))

    def _alike(self, first: int, second: int, kind: str) -> Pair:
        rng = self.rng
        pictures = [self._subject(first), self._subject(second)]
        side = min(p.image.shape[0] for p in pictures)
        if rng.random() < (0.5 if kind == "genuine" else 0.3):
            side = int(rng.uniform(min(90, side), side))
        pictures = [_sized(p, max(side, _LEAST)) for p in pictures]
        if kind == "genuine" and rng.random() < 0.5:
            pictures = [Subject(wear(p.image, rng, p.mesh), p.mesh) for p in pictures]
        real, forged = degrade([p.image for p in pictures], rng, pictures[0].mesh)
        crops, mask = self.pairs.cropped(real, forged, np.zeros(real.shape[:2], np.float32), self.settings.size, rng)
        return Pair(crops, mask, (first, second), kind)

    def _pseudo(self, kind: str) -> Pair:
        rng, pairs = self.rng, self.pairs
        index = int(rng.choice(len(pairs.files), p=pairs.weight))
        subject = pairs.subject(index, rng)
        other = alike(index, pairs.identity, pairs.shape, rng) if rng.random() < _SWAPS[kind] else None
        donor = None if other is None else pairs.subject(other)
        if rng.random() < (0.4 if kind == "live" else WORN):
            subject = Subject(wear(subject.image, rng, subject.mesh), subject.mesh)
        fake = live_swap(subject, donor, rng) if kind == "live" else make(subject, donor, rng)
        real, forged = degrade([subject.image, fake.image], rng, subject.mesh)
        crops, mask = pairs.cropped(real, forged, fake.mask, self.settings.size, rng)
        row = int(self.plain[index])
        return Pair(crops, mask, (row, row), kind)

    def _subject(self, row: int) -> Subject:
        return Subject(self.faces.image(row), self.faces.mesh[row])


_SWAPS = {"pseudo": DONORS, "live": 0.7}
"Share of the pseudo-fakes that take another person's face."


def _sized(picture: Subject, side: int) -> Subject:
    old = picture.image.shape[0]
    how = cv2.INTER_AREA if old > side else cv2.INTER_LINEAR
    image = picture.image if old == side else cv2.resize(picture.image, (side, side), interpolation=how)
    return Subject(np.asarray(image, np.uint8), np.asarray(picture.mesh * (side / old), np.float32))
