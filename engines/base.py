"""The one seam between truefeed and a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .card import Card

Array = npt.NDArray[Any]
WEIGHTS = Path(__file__).parent / "weights"
"The models that truefeed ships."


class EngineError(RuntimeError):
    """A model could not be loaded or run; the text names the file and says what to do."""


class Engine(Protocol):
    """A loaded model. Safe to call from several threads."""

    card: Card | None
    "What the model expects and promises; None for a foreign model."
    sha256: str
    "Of the model file."
    device: str
    "What runs it, as the runtime says: `cpu`, `cuda`, `tensorrt`, `openvino`."

    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        """Run one batch: input name to array in, output name to array out. Raises EngineError."""

    def close(self) -> None:
        """Release what the runtime holds. May be called twice."""


def load(path: str | Path, device: str = "auto", *, threads: int = 1, data: bytes | None = None) -> Engine:
    """Load a model by its suffix and the device asked for.

    Args:
        path: an `.onnx` file (ONNX Runtime or OpenVINO) or a TensorRT `.plan`/`.engine`; a bare name is looked up
            in WEIGHTS.
        device: `auto`, `cpu`, `cuda`, `tensorrt` or `openvino`. `auto` takes CUDA where it works, else the CPU.
        threads: intra-op threads on a CPU; one a stream is fastest.
        data: the bytes of an ONNX model changed in memory; path then only names it.

    Raises:
        EngineError: no such file, not a model, the runtime is not installed, or the device asked for is not there.
    """
    file = Path(path)
    if not file.exists() and (WEIGHTS / file).exists():
        file = WEIGHTS / file
    if not file.is_file():
        raise EngineError(f"{file}: no such model file")
    if device not in ("auto", "cpu", "cuda", "tensorrt", "openvino"):
        raise EngineError(f"unknown engine {device!r}: choose auto, cpu, cuda, tensorrt or openvino")
    if file.suffix in (".plan", ".engine"):
        if device not in ("auto", "tensorrt"):
            raise EngineError(
                f"{file}: a TensorRT plan runs on TensorRT only; for --engine {device} take the .onnx file"
            )
        from .trt import TensorRtEngine

        return TensorRtEngine(file)
    if device == "openvino":
        from .ov import OpenVinoEngine

        return OpenVinoEngine(file, threads=threads, data=data)
    from .ort import OrtEngine

    return OrtEngine(file, device=device, threads=threads, data=data)
