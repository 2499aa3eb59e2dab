"""A face to train on, from the portrait of tests/media.py, with landmarks fitted to its five points."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from media import portrait
from truefeed.stream.faces.align import crop, similarity
from truefeed.stream.faces.detect import CenterFace
from truefeed.train import template
from truefeed.train.blend import Subject
from truefeed.train.faces import SCALE


@cache
def subject(size: int = 192) -> Subject:
    """Return the portrait's face as training stores it."""
    (face, *_) = CenterFace(long_side=512).detect(portrait())
    to_crop = similarity(face.points, size, SCALE)
    five = (face.points @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
    return Subject(crop(portrait(), face.points, size, SCALE), template.landmarks(five))


def other(size: int = 192) -> Subject:
    """Return another one: its mirror image, darker."""
    plain = subject(size)
    mesh = plain.mesh.copy()
    mesh[:, 0] = size - 1 - mesh[:, 0]
    return Subject(np.ascontiguousarray(plain.image[:, ::-1] // 2), mesh)


def write(folder: Path) -> Path:
    """Write a folder as train.faces does: two people, each twice."""
    (folder / "crops").mkdir(parents=True)
    people = [subject(), other()] * 2
    files = [f"crops/{i}.png" for i in range(4)]
    for file, one in zip(files, people, strict=True):
        cv2.imwrite(str(folder / file), one.image)
    np.savez(folder / "faces.npz", files=files, identity=list("abab"), mesh=np.stack([p.mesh for p in people]))
    return folder
