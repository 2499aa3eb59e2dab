"""Still pictures and frames of clips with their faces: read, worn alike and cut.

A *road* is what pictures went through before they came here (source, shrinking, coding). Genuine and synthesised ones
are compared within a road, and nothing but the face is shown to the model, so that the road is no clue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ...stream.faces import CenterFace
from ...stream.faces.align import crop, crop_inside, face_px
from ...stream.faces.tiled_detection import find
from ...stream.image_file import read_image, stored_image, write_image
from ...stream.types import Floats, Image
from ..data import datasets
from ..data.face_crops import spread
from ..face.degrade import blur, jpeg, light, noise

SIZE, SCALE = 192, 0.95
"Side of the network's crop, px, and over that of the face square: inside the picture, whose border tells no class."
WHOLLY = ("anitalker", "edtalk", "fantasy", "mocha", "sonic")
"Folders of clips/modern whose fakes are generated as a whole frame; the others change a part of a genuine one."
CONDITIONS = ("plain", "JPEG 75", "half size", "half size, JPEG 75")
"Histories under which pictures are judged, both classes alike."
_LARGE = 500
"Longer side from which a picture is cut around the face before it is worn, px."
_FRAMES = (2, 3)
"Frames taken of a genuine and of a generated clip."
_PX = (68.0, 240.0)
"Sides to which the face square of a worn picture is shrunk or enlarged, px: every road gets the same ones."
_NONE = np.zeros((0, 2), np.float32)
_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True, eq=False)
class Still:
    """One picture, or frame of a clip, with the largest face in it."""

    path: Path
    "The picture; a frame is kept as PNG."
    name: str
    "Path below the data's folder; of a frame with `#` and its number."
    fake: bool
    generator: str
    "As the manifest names it, of a frame its folder; empty: genuine."
    road: str
    "Pictures of one road went through the same; `real` and `clips` have many roads."
    source: str
    person: str
    points: Floats
    "(5, 2), px."


def read(data: Path, cache: Path) -> list[Still]:
    """Find the face of each picture of data/faces and of frames of data/clips.

    Args:
        data: has faces/ and, where wanted, clips/, each a data set that train.data.datasets reads.
        cache: folder that keeps the frames and where the faces are: they are looked for once.

    Pictures without a face are left out.
    """
    cache.mkdir(parents=True, exist_ok=True)
    shown = [*_pictures(data), *_frames(data, cache)]
    file = cache / "faces.npz"
    known = dict(np.load(file)) if file.exists() else {}
    if new := [still for still in shown if still.name not in known]:
        detector = CenterFace()
        known |= {still.name: _points(detector, still.path) for still in new}
        np.savez(file, **known)
    return [replace(still, points=known[still.name]) for still in shown if len(known[still.name])]


def _pictures(data: Path) -> Iterator[Still]:
    for clip in datasets.read(data / "faces"):
        folder, top = str(Path(clip.name).parent), clip.name.split("/")[0]
        generator = clip.method.split(" ")[0] if clip.fake else ""
        road = "real" if top == "real" else top
        yield Still(clip.path, clip.name, clip.fake, generator, road, folder, clip.name, _NONE)


def _frames(data: Path, cache: Path) -> Iterator[Still]:
    for clip in datasets.read(data / "clips") if (data / "clips").is_dir() else []:
        folder = clip.name.split("/")[1 if clip.name.startswith("modern/") else 0]
        if clip.fake and folder not in WHOLLY:
            continue
        stem, count = clip.name.replace("/", "_"), _FRAMES[clip.fake]
        paths = [cache / "frames" / f"{stem}_{i}.png" for i in range(count)]
        if not paths[0].exists():
            paths[0].parent.mkdir(exist_ok=True)
            for path, image in zip(paths, spread(clip.path, count)[0], strict=False):
                write_image(path, image)
        for i, path in enumerate(p for p in paths if p.exists()):
            generator = folder if clip.fake else ""
            yield Still(path, f"{clip.name}#{i}", clip.fake, generator, "clips", folder, clip.identity, _NONE)


def _points(detector: CenterFace, path: Path) -> Floats:
    image = read_image(path)
    faces = [] if image is None else find(detector, image)
    return max(faces, key=lambda f: face_px(f.points)).points if faces else _NONE


def load(still: Still) -> tuple[Image, Floats]:
    """Read the picture: of a large one the part around the face, shrunk so that the face square is at most 300 px.

    HxWx3 BGR, and (5, 2), px.
    """
    image, points = stored_image(still.path), still.points
    if max(image.shape[:2]) <= _LARGE:
        return image, points
    px, centre = face_px(points), points.mean(0)
    left, top = np.maximum((centre - 1.3 * px).astype(int), 0)
    right, bottom = (centre + 1.3 * px).astype(int)
    image, points = image[top:bottom, left:right].copy(), points - np.array([left, top], np.float32)
    return resized(image, points, 300 / px) if px > 300 else (image, points)


def worn(image: Image, points: Floats, rng: np.random.Generator) -> Image:
    """Return the face of a picture after a random history, (S, S, 3) BGR."""
    image, points = wear(image, points, rng)
    return crop(image, jitter(points, rng), SIZE, SCALE)


def wear(image: Image, points: Floats, rng: np.random.Generator) -> tuple[Image, Floats]:
    """Do to a picture what happens on its way through the web; by the same chance whatever it shows.

    HxWx3 BGR and points (5, 2), px, in and out.
    """
    # The blocks of the first coding shall not lie on those of the next.
    top, left = (int(v) for v in rng.integers(0, 8, 2))
    image, points = image[top:, left:], points - np.array([left, top], np.float32)
    for _ in range(1 if rng.random() < 0.8 else 2):
        px = face_px(points)
        if rng.random() < 0.75:
            goal = min(float(np.exp(rng.uniform(*np.log(_PX)))), 1.2 * px)
            image, points = resized(image, points, goal / px, int(rng.choice(_INTERPOLATIONS)))
        for step, chance in ((light, 0.4), (blur, 0.12), (noise, 0.15)):
            if rng.random() < chance:
                (image,) = step([image], rng)
        kind = rng.random()
        if kind < 0.6:
            image = jpeg(image, int(rng.integers(50, 96)))
        elif kind < 0.75:
            image = _webp(image, int(rng.integers(40, 96)))
    return image, points


def resized(image: Image, points: Floats, factor: float, how: int = cv2.INTER_AREA) -> tuple[Image, Floats]:
    """Return HxWx3 by a factor smaller or larger, and the points (5, 2), px, in it."""
    height, width = image.shape[:2]
    new = max(48, round(width * factor)), max(48, round(height * factor))
    ratio = np.array([new[0] / width, new[1] / height], np.float32)
    # Pixel centres: x' + 1/2 = ratio * (x + 1/2).
    return np.asarray(cv2.resize(image, new, interpolation=how), np.uint8), (points + 0.5) * ratio - 0.5


def jitter(points: Floats, rng: np.random.Generator) -> Floats:
    """Return points (5, 2), px, as another detection would have put them."""
    centre, side = points.mean(0), face_px(points)
    turn, zoom = np.deg2rad(rng.normal(0, 3)), float(np.exp(rng.normal(0, 0.05)))
    a = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((points - centre) @ a.T + centre + rng.normal(0, 0.02, 2) * side, np.float32)


def _webp(image: Image, quality: int) -> Image:
    coded = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def after(image: Image, points: Floats, condition: str) -> tuple[Image, Floats]:
    """Return HxWx3 after one of CONDITIONS, without any chance, and the points (5, 2), px, in it."""
    if "half" in condition:
        image, points = resized(image, points, 0.5)
    return (jpeg(image, 75) if "JPEG" in condition else image), points


def seen(image: Image, points: Floats, condition: str) -> Image:
    """Return the face of a picture after one of CONDITIONS as live use cuts it, (S, S, 3) BGR."""
    return crop_inside(*after(image, points, condition), SIZE, SCALE)
