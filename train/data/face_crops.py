"""Cut the genuine faces of a data set for self-blended training: `python -m truefeed.train.data.face_crops DATA OUT`.

Reads DATA/faces/manifest.csv (stills) and DATA/clips/manifest.csv (clips of the training part, never those under dev/),
finds each face with the live detector, cuts it with the live alignment at a wider scale, and writes

    OUT/crops/NNNNN.png    the crop, its side chosen so that nothing is magnified
    OUT/faces.npz          files, source, identity, points (n, 5, 2), mesh (n, 468, 2), px of the crop
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from ...stream.faces.align import crop, face_px, similarity
from ...stream.faces.centerface import CenterFace
from ...stream.image_file import read_image, write_image
from ...stream.types import Face, Floats, Image
from .landmarks import FaceMesh

SCALE = 1.7
"Side of a stored crop over the side of the tight face square: room for shift, rotation and scale."
_MESH_SCALE = 1.2
_FRAMES_A_CLIP = 24


@dataclass(frozen=True)
class Picture:
    image: Image
    source: str
    identity: str


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.data.face_crops", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args(argv)
    (args.out / "crops").mkdir(parents=True, exist_ok=True)
    detector, mesh = CenterFace(long_side=320), FaceMesh()
    names: list[str] = []
    sources: list[str] = []
    identities: list[str] = []
    points: list[Floats] = []
    meshes: list[Floats] = []
    skipped = 0
    for picture in pictures(args.data):
        faces = detector.detect(picture.image)
        if not faces:
            skipped += 1
            continue
        cut, five, dense, score = cut_face(picture.image, largest(faces), mesh)
        if score < 0.5:
            skipped += 1
            continue
        name = f"crops/{len(names):05d}.png"
        write_image(args.out / name, cut, cv2.IMWRITE_PNG_COMPRESSION, 1)
        names.append(name)
        sources.append(picture.source)
        identities.append(picture.identity)
        points.append(five)
        meshes.append(dense)
    np.savez(
        args.out / "faces.npz",
        files=names,
        source=sources,
        identity=identities,
        points=np.stack(points),
        mesh=np.stack(meshes),
    )
    sys.stderr.write(f"{len(names)} faces cut, {skipped} pictures skipped without a face that both detectors see\n")
    return 0


def largest(faces: list[Face]) -> Face:
    return max(faces, key=lambda face: face_px(face.points))


def cut_face(image: Image, face: Face, mesh: FaceMesh) -> tuple[Image, Floats, Floats, float]:
    """Return the stored crop, the five points and the mesh in its pixels, and the mesh's presence score.

    (S, S, 3) BGR, (5, 2), (468, 2) and 0..1.
    """
    size = int(np.clip(round(face_px(face.points) * SCALE / 2) * 2, 96, 448))
    cut = crop(image, face.points, size, SCALE)
    to_crop = similarity(face.points, size, SCALE)
    five = (face.points @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
    side = _MESH_SCALE / SCALE * size
    low = round((size - side) / 2)
    dense, score = mesh(cut[low : size - low, low : size - low])
    return cut, five, dense + low, score


def recut(side: int, size: int, scale: float) -> Floats:
    """Return the 2x3 matrix that takes a stored crop of side px to one of size px at another scale."""
    zoom = SCALE / scale * size / side
    shift = (size - zoom * side) / 2
    return np.array([[zoom, 0, shift], [0, zoom, shift]], np.float32)


def pictures(data: Path) -> Iterator[Picture]:
    """Yield every genuine picture of the training part: the stills, then frames spread evenly over each clip."""
    for row in rows(data / "faces" / "manifest.csv"):
        if row["label"] == "real":
            image = read_image(data / "faces" / row["path"])
            if image is not None:
                yield Picture(np.asarray(image, np.uint8), row["source"], row["path"])
    for row in rows(data / "clips" / "manifest.csv"):
        if row["path"].startswith("real/"):
            for image in spread(data / "clips" / row["path"], _FRAMES_A_CLIP)[0]:
                yield Picture(image, row["source"], row["target_id"])


def rows(manifest: Path) -> list[dict[str, str]]:
    """Read a manifest."""
    with manifest.open(newline="") as file:
        return list(csv.DictReader(file))


def spread(path: Path, count: int) -> tuple[list[Image], list[float]]:
    """Decode a clip and return count frames, HxWx3 BGR, spread evenly over it, and their times, s."""
    kept: list[Image] = []
    times: list[float] = []
    with av.open(str(path), metadata_errors="replace") as container:
        total = sum(1 for packet in container.demux(video=0) if packet.size)
    wanted = set(np.linspace(0, total - 1, count).astype(int)) if total else set()
    with av.open(str(path), metadata_errors="replace") as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                kept.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                times.append(frame.time or 0.0)
    return kept, times


if __name__ == "__main__":
    sys.exit(main())
