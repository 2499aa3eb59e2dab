"""What decoders are asked to render: each genuine face as it is, with other expressions, and as somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ...stream.atomic import beside
from ...stream.image_file import stored_image
from ...stream.pool import Pool
from ...stream.types import Floats, Image
from ..data import landmarks as parts
from ..data.face_crops import recut
from .blend import masks, texture, warp
from .donors import alike, shapes

SIZE, SCALE = 224, 1.2
"Side of a rendered picture, px, and over that of the tight face square."
REGIONS = ("mouth", "lower", "brows-down", "face")
SOURCES = ("itself", "expressed", "reshaped", "donor")
"What is asked for: the face as it is, with another expression, also with another shape, or another person's."
_LINES = (parts.JAW, parts.LIPS, parts.LEFT_EYE, parts.RIGHT_EYE, parts.BROWS[:5], parts.BROWS[5:], parts.NOSE[:11])

Sheets = dict[str, npt.NDArray[np.uint8]]


def read_sheets(dataset: Path, out: Path, workers: int, seed: int) -> Sheets:
    """Return pictures (n, 4, S, S, 3) BGR, their lines and holes (n, 4, S, S), drawn where they are not yet."""
    folder, names = out / "sheets", ("pictures", "lines", "holes")
    if not (folder / "holes.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        count = len(np.load(dataset / "faces.npz")["files"])
        shape = (count, len(SOURCES), SIZE, SIZE)
        sheets = {
            n: np.lib.format.open_memmap(
                beside(folder / f"{n}.npy"), "w+", np.uint8, (*shape, 3) if n == "pictures" else shape
            )
            for n in names
        }
        for row, sheet in enumerate(Pool(_sheet, workers, _start, (dataset, seed)).each(range(count))):
            for name, part in zip(names, sheet, strict=True):
                sheets[name][row] = part
        for name in names:
            sheets[name].flush()
            beside(folder / f"{name}.npy").replace(folder / f"{name}.npy")
    return {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in names}


_STATE: dict[str, Any] = {}


def _start(dataset: Path, seed: int) -> None:
    cv2.setNumThreads(1)
    table = np.load(dataset / "faces.npz")
    mesh = table["mesh"].astype(np.float32)
    _STATE.update(folder=dataset, files=table["files"], identity=table["identity"], mesh=mesh, seed=seed)
    _STATE["shape"] = shapes(mesh)


def _sheet(row: int) -> tuple[npt.NDArray[np.uint8], ...]:
    """Return what is asked for of one face: pictures, lines and holes."""
    rng = np.random.default_rng([_STATE["seed"], row])
    image, mesh = _face(row)
    drawn = lines(mesh)
    pictures, drawings = [image], [drawn]
    for reshape in (False, True):
        how = int(rng.integers(1 << 31))
        for kept, what in ((pictures, image), (drawings, drawn)):
            kept.append(warp.express(what, mesh, np.random.default_rng(how), reshape=reshape))
    pictures.append(_donor(row, image, mesh, rng))
    drawings.append(drawn)
    holes = [masks.hull(mesh, region, SIZE, rng) * 255 for region in REGIONS]
    return np.stack(pictures), np.stack(drawings)[..., 0], np.stack(holes).astype(np.uint8)


def _face(row: int) -> tuple[Image, Floats]:
    """Read a stored crop at SIZE and SCALE, and its landmarks."""
    image = stored_image(_STATE["folder"] / _STATE["files"][row])
    matrix = placed(image.shape[0])
    return take(image, matrix), _STATE["mesh"][row] @ matrix[:, :2].T + matrix[:, 2]


def placed(side: int) -> Floats:
    """Return the matrix, 2x3, from a stored crop of so many px to a rendered picture."""
    return recut(side, SIZE, SCALE)


def take(image: Image, matrix: Floats) -> Image:
    """Return what a matrix, 2x3, takes of HxWx3 to a rendered picture, (SIZE, SIZE, 3)."""
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _donor(row: int, image: Image, mesh: Floats, rng: np.random.Generator) -> Image:
    """Lay the face of somebody else, of much the same shape, over this one."""
    other = alike(row, _STATE["identity"], _STATE["shape"], rng, among=1)
    if other is None:
        return image
    front = warp.onto(*_face(other), mesh, SIZE)
    return texture.match_colour(front, image, masks.hull(mesh, "face", SIZE, rng))


def lines(mesh: Floats) -> Image:
    """Draw landmarks (468, 2), px: (SIZE, SIZE, 3)."""
    out = np.zeros((SIZE, SIZE, 3), np.uint8)
    for line in _LINES:
        points = (mesh[list(line)] * 16).round().astype(np.int32)
        cv2.polylines(
            out, [points], line in (parts.LIPS, parts.LEFT_EYE, parts.RIGHT_EYE), (255,) * 3, 2, cv2.LINE_AA, 4
        )
    return out
