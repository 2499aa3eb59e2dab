"""insightface's SCRFD as a face detector, with a model file of the user's. Its objects never leave this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...engines import EngineError
from ..errors import ConfigError, MissingExtraError
from ..types import Face, Floats, Image
from .centerface import CenterFace

_HOME = Path("~/.insightface/models")


class InsightFace:
    """An SCRFD detector with five points, loaded by insightface from a local file; nothing is ever downloaded."""

    def __init__(
        self, model: str | Path | None = None, *, long_side: int = 640, threshold: float = 0.5, device: str = "cpu"
    ) -> None:
        """Load model, or, where None, the first detector of the packs that insightface keeps at ~/.insightface/models.

        Args:
            model: an SCRFD .onnx file.
            long_side: the picture's longer side at detection, px.
            threshold: least confidence, 0..1.
            device: `cpu` or `cuda`; anything else means `cpu`.

        Raises:
            MissingExtraError: insightface is not installed.
            ConfigError: there is no such file.
            EngineError: the file is no SCRFD model with five points.
        """
        try:
            import onnxruntime
            from insightface.model_zoo import get_model
        except ImportError:
            raise MissingExtraError("insightface", "insightface") from None
        path = _find(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
        try:
            loaded: Any = get_model(str(path), providers=providers, sess_options=options)
        except Exception as error:  # insightface and onnxruntime raise a dozen types that share only Exception
            text = str(error).strip().splitlines() or [type(error).__name__]
            raise EngineError(f"{path}: not a model that insightface can load ({text[0]})") from error
        if not getattr(loaded, "use_kps", False):
            raise EngineError(f"{path}: not an SCRFD detector with five points (such as scrfd_500m_bnkps.onnx)")
        self._model = loaded
        self.long_side, self.threshold = long_side, threshold
        # Many SCRFD files run at 640x640 only, ten times the cost of a CenterFace patch; and so the points that cut
        # the crop stay those of training.
        self._near = CenterFace(long_side=long_side, threshold=threshold, device=device)

    def detect(self, image: Image) -> list[Face]:
        height, width = image.shape[:2]
        factor = min(1.0, self.long_side / max(height, width))
        return self._run(image, (_multiple(width * factor), _multiple(height * factor)))

    def locate(self, image: Image, squares: Floats) -> list[Face]:
        return self._near.locate(image, squares)

    def _run(self, image: Image, size: tuple[int, int]) -> list[Face]:
        if min(image.shape[:2]) < 8:
            return []  # its resize would round the shorter side to nothing
        boxes, points = self._model.detect(image, input_size=size, det_thresh=self.threshold)
        return [
            Face(np.asarray(box[:4], np.float32), np.asarray(five, np.float32), float(box[4]))
            for box, five in zip(boxes, points, strict=True)
        ]


def _multiple(side: float) -> int:
    return max(64, int(np.ceil(side / 32)) * 32)


def _find(model: str | Path | None) -> Path:
    if model is not None:
        path = Path(model).expanduser()
        if not path.is_file():
            raise ConfigError(f"{path}: no such face detector file")
        return path
    home = _HOME.expanduser()
    found = sorted([*home.glob("**/det_*.onnx"), *home.glob("**/scrfd_*.onnx")])
    if not found:
        raise ConfigError(f"no face detector under {home}: name one, as in --faces insightface:scrfd_500m_bnkps.onnx")
    return found[0]
