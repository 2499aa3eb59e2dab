"""Aligned faces of labelled files in one table: `python -m truefeed.train.data.labelled_faces DATA OUT`.

Reads DATA's manifest, cuts the largest face of frames spread evenly over each clip (and of each still picture) by the
code that runs live, and writes

    OUT/crops/NNNNN.png    aligned faces, at the scale of train.data.face_crops
    OUT/labelled.npz       what is known of each: the columns of LabelledFaces
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from ...stream.atomic import replacing
from ...stream.errors import ConfigError
from ...stream.faces.align import face_px
from ...stream.faces.centerface import CenterFace
from ...stream.faces.motion_features import absent, measure
from ...stream.image_file import read_image, stored_image, write_image
from ...stream.scan.probe import kind_of
from ...stream.types import Floats, Image
from . import datasets
from .datasets import Clip
from .face_crops import cut_face, largest
from .landmarks import FaceMesh

NAME = "labelled.npz"
_MOST_PX = 328
"Side of a stored crop: what a network of 192 px looks at, with room for jitter."
_LEAST_SCORE = 0.5


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """One row a face."""

    files: npt.NDArray[np.str_]
    "Paths of the crops; in the file below the folder of the table."
    label: npt.NDArray[np.integer]
    "1 for a fake."
    method: npt.NDArray[np.str_]
    identity: npt.NDArray[np.str_]
    "Who is seen: of a fake the person into whose picture it was made, so that a fake and its original are a pair."
    group: npt.NDArray[np.str_]
    "What is left out together: the folder of the file, as a page, a generator or a part of a data set."
    clip: npt.NDArray[np.str_]
    "The file, unique."
    t: npt.NDArray[np.floating]
    "Media time, s."
    px: npt.NDArray[np.floating]
    "Side of the tight face square in the frame."
    mesh: Floats
    "(n, 468, 2), px of the crop."
    motion: Floats
    "(n, COLUMNS) of stream.faces.motion_features, zeros where nothing was measured."

    def __len__(self) -> int:
        return len(self.files)

    @classmethod
    def read(cls, folders: Sequence[Path]) -> LabelledFaces:
        """Read the tables of folders as one. Raises ConfigError where there is none."""
        parts: dict[str, list[Any]] = {field.name: [] for field in fields(cls)}
        for folder in folders:
            if not (folder / NAME).exists():
                raise ConfigError(
                    f"{folder}: no {NAME} in it: python -m truefeed.train.data.labelled_faces DATA {folder} makes one"
                )
            with np.load(folder / NAME) as table:
                for name, values in parts.items():
                    values.append(table[name])
            parts["files"][-1] = np.array([str(folder / name) for name in parts["files"][-1]], np.str_)
        return cls(**{name: np.concatenate(values) for name, values in parts.items()})

    def rows(self, keep: npt.NDArray[Any]) -> LabelledFaces:
        """Take a mask (n,) or indices (m,)."""
        return LabelledFaces(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})

    def named(self, prefixes: Sequence[str]) -> npt.NDArray[np.bool_]:
        """(n,): whether the name of the clip begins with one of these."""
        found = np.zeros(len(self), bool)
        for prefix in prefixes:
            found |= np.char.startswith(self.clip, prefix)
        return found

    def save(self, folder: Path) -> None:
        """Write the table into folder, with the paths as they are here."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        columns["files"] = np.array([str(Path(name).resolve()) for name in self.files], np.str_)
        np.savez(folder / NAME, **columns)

    def image(self, row: int) -> Image:
        """Read a crop: (S, S, 3) BGR."""
        return stored_image(Path(self.files[row]))


def group_of(name: str) -> str:
    """The folder of a file of a data set; `.` where it lies at the top."""
    return Path(name).parent.name or "."


class Columns:
    """Rows of a table to be."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {field.name: [] for field in fields(LabelledFaces)}

    def __len__(self) -> int:
        return len(self._values["files"])

    def add(self, **known: object) -> None:
        """Take a row: a value a column."""
        for name, values in self._values.items():
            values.append(known[name])

    def write(self, folder: Path) -> None:
        """Write the table into folder at once or not at all."""
        columns: dict[str, Any] = {name: np.array(values) for name, values in self._values.items()}
        with replacing(folder / NAME) as part:
            np.savez(part, **columns)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.data.labelled_faces", description=__doc__)
    parser.add_argument("data", type=Path, help="a data set, as truefeed evaluate takes it")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=16, help="frames a clip")
    parser.add_argument("--only", default="", help="only files whose path below DATA begins so")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    (args.out / "crops").mkdir(parents=True, exist_ok=True)
    table, detector, mesh = Columns(), CenterFace(long_side=320), FaceMesh()
    for clip in datasets.read(args.data):
        if clip.name.startswith(args.only):
            for t, frames in _moments(clip.path, args.frames):
                _add(table, args.out, clip, t, frames, detector, mesh)
    table.write(args.out)
    sys.stderr.write(f"{args.out / NAME}: {len(table)} faces\n")
    return 0


def _add(
    table: Columns, out: Path, clip: Clip, t: float, frames: list[Image], detector: CenterFace, mesh: FaceMesh
) -> None:
    """Cut the largest face of the last frame, where both detectors see it, and note what is known of it."""
    faces = detector.detect(frames[-1])
    if not faces:
        return
    face = largest(faces)
    cut, _, dense, score = cut_face(frames[-1], face, mesh)
    if score < _LEAST_SCORE:
        return
    image, dense = _small(cut, dense)
    name = f"crops/{len(table):05d}.png"
    write_image(out / name, image, cv2.IMWRITE_PNG_COMPRESSION, 1)
    table.add(
        files=name,
        label=int(clip.fake),
        method=clip.method,
        identity=clip.identity,
        group=group_of(clip.name),
        clip=clip.name,
        t=t,
        px=face_px(face.points),
        mesh=dense,
        motion=measure(frames, face.points) if len(frames) == 3 else absent(1)[0],
    )


def _small(image: Image, mesh: Floats) -> tuple[Image, Floats]:
    side = image.shape[0]
    if side <= _MOST_PX:
        return image, mesh
    smaller = cv2.resize(image, (_MOST_PX, _MOST_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8), np.asarray(mesh * (_MOST_PX / side), np.float32)


def _moments(path: Path, count: int) -> Iterator[tuple[float, list[Image]]]:
    """Yield the time and three frames in a row, so often, spread evenly; of a still picture itself."""
    if kind_of(path) == "image":
        image = read_image(path)
        if image is not None:
            yield 0.0, [image]
        return
    with av.open(str(path), metadata_errors="replace") as container:
        total = sum(1 for packet in container.demux(video=0) if packet.size)
    wanted = set(np.linspace(2, total - 1, min(count, total - 2)).astype(int)) if total > 2 else set()
    recent: list[Image] = []
    with av.open(str(path), metadata_errors="replace") as container:
        for index, frame in enumerate(container.decode(video=0)):
            if not wanted & {index, index + 1, index + 2}:
                continue
            recent = [*recent[-2:], np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)]
            if index in wanted:
                yield frame.time or 0.0, recent


if __name__ == "__main__":
    sys.exit(main())
