"""Windows of embeddings for the temporal head, from a prepared data set: genuine, labelled fakes and pseudo-fakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import cv2
import numpy as np
import torch

from ...stream.types import Floats
from ..common.progress import Progress
from ..data.prepared import Faces
from .blend import Subject
from .head_windows import ROWS, Sheet, add, embed, version
from .labelled_stream import read_face
from .networks import FaceEncoder
from .pairs import Pairs

WINDOW_S = 4.0
_LEAST_ROWS = 3
_SWAPS = 0.3
"Share of the pseudo-fakes that are swaps."
_MOST_PX = 320
"Side that larger stored crops are made smaller to, px."

Stretch = tuple[Faces, list[Subject], Floats]
"A clip, the faces of a window and their times, s."


def windows(
    model: FaceEncoder, pairs: Pairs, clips: Sequence[Faces], *, size: int, most: int, fakes: bool, seed: int
) -> Sheet:
    """Make the windows.

    Args:
        model: the encoder.
        pairs: of the genuine faces: donors.
        clips: to learn from.
        size: side of the encoder's crops, px.
        most: stretches of clips of each kind, genuine and fake, spread evenly; each gives two windows.
        fakes: False leaves the labelled fakes out.
        seed: of every draw.
    """
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    genuine = _spread([s for faces in clips if not faces.clip.fake for s in stretches(faces)], most)
    labelled = _spread([s for faces in clips if fakes and faces.clip.fake for s in stretches(faces)], most)
    sheet, progress = Sheet(), Progress("window", len(genuine) + len(labelled))
    for done, (faces, at) in enumerate(chain(genuine, labelled), 1):
        subjects, times = _subjects(faces, at)
        for fake in (faces.clip.fake, True):
            made = fake and not faces.clip.fake
            donor = pairs.draw(rng) if made and rng.random() < _SWAPS else None
            crops = version(subjects, donor, int(rng.integers(1 << 31)), fake=made, size=size)
            add(sheet, embed(model, crops), times, int(fake), faces.clip.identity)
        progress.tell(done)
    progress.clear()
    return sheet


def stretches(faces: Faces) -> Iterator[tuple[Faces, list[int]]]:
    """Cut each track into windows: rows of the clip."""
    for track in dict.fromkeys(faces.track.tolist()):
        rows = np.flatnonzero(faces.track == track)
        start = 0
        for end in range(1, len(rows) + 1):
            full = end - start == ROWS or end == len(rows) or faces.t[rows[end]] - faces.t[rows[start]] > WINDOW_S
            if full:
                if end - start >= _LEAST_ROWS:
                    yield faces, rows[start:end].tolist()
                start = end


def _subjects(faces: Faces, rows: Sequence[int]) -> tuple[list[Subject], Floats]:
    """Read faces at one size, so that one seed means one manipulation."""
    images, mesh = [read_face(faces.files[row]) for row in rows], faces.mesh()[list(rows)]
    side = min(_MOST_PX, *(image.shape[0] for image in images))
    found = []
    for image, dense in zip(images, mesh, strict=True):
        small = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        found.append(Subject(small, dense * (side / image.shape[0])))
    return found, np.asarray(faces.t[list(rows)], np.float32)


def _spread(held: list[tuple[Faces, list[int]]], most: int) -> list[tuple[Faces, list[int]]]:
    count = min(most, len(held))
    return [held[i * len(held) // count] for i in range(count)]
