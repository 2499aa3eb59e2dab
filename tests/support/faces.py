"""A face to train on, still and moving: the portrait of tests/media.py, with landmarks fitted to its five points."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from media import portrait
from truefeed.stream.faces.align import crop, similarity
from truefeed.stream.faces.centerface import CenterFace
from truefeed.stream.types import Image
from truefeed.train.data import landmark_template
from truefeed.train.data.face_crops import SCALE
from truefeed.train.face.blend import Subject
from truefeed.train.face.fake_clips import FRAMES, Stretch


@cache
def subject(size: int = 192) -> Subject:
    """Return the portrait's face as training stores it."""
    (face, *_) = CenterFace(long_side=512).detect(portrait())
    to_crop = similarity(face.points, size, SCALE)
    five = (face.points @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
    return Subject(crop(portrait(), face.points, size, SCALE), landmark_template.landmarks(five))


def other(size: int = 192) -> Subject:
    """Return another one: its mirror image, darker."""
    plain = subject(size)
    mesh = plain.mesh.copy()
    mesh[:, 0] = size - 1 - mesh[:, 0]
    return Subject(np.ascontiguousarray(plain.image[:, ::-1] // 2), mesh)


def write(folder: Path) -> Path:
    """Write a folder as train.data.face_crops does: two people, each twice."""
    (folder / "crops").mkdir(parents=True)
    people = [subject(), other()] * 2
    files = [f"crops/{i}.png" for i in range(4)]
    for file, one in zip(files, people, strict=True):
        cv2.imwrite(str(folder / file), one.image)
    np.savez(folder / "faces.npz", files=files, identity=list("abab"), mesh=np.stack([p.mesh for p in people]))
    return folder


def stretch() -> Stretch:
    """The portrait, moved a little from frame to frame; its corners are the same in all of them."""
    plain = subject()
    moves = np.stack([np.sin(np.arange(FRAMES) / 5), np.cos(np.arange(FRAMES) / 7)], 1).astype(np.float32)
    meshes = [plain.mesh + move for move in moves]
    return Stretch("p", [shifted(plain.image, move) for move in moves], meshes, [m[:5] for m in meshes])


def shifted(image: Image, by: np.ndarray) -> Image:
    """Return the picture moved by (x, y) px."""
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)
