"""ONNX Runtime: CPU, CUDA and TensorRT execution providers."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .base import Array, EngineError
from .card import KEY, Card

_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}
_NAMES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}


class OrtEngine:
    """An ONNX model in ONNX Runtime. One session may be shared by every thread."""

    def __init__(self, path: Path, *, device: str = "auto", threads: int = 1, data: bytes | None = None) -> None:
        """Load path, or, where given, data: the bytes of a model changed in memory; path then only names it."""
        try:
            import onnxruntime as ort
        except ImportError:
            raise EngineError(
                "onnxruntime is not installed: pip install 'truefeed[cpu]' (or 'truefeed[gpu]')"
            ) from None
        data = path.read_bytes() if data is None else data
        self.sha256 = hashlib.sha256(data).hexdigest()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A spinning pool burns a core between frames that arrive 33 ms apart.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = _wanted(device, ort.get_available_providers(), path)
        # With `auto` a GPU that is not there is no news; when it was asked for, the reason on stderr helps.
        ort.set_default_logger_severity(4 if device == "auto" else 3)
        try:
            # ONNX Runtime reports missing CUDA libraries and its fallback on stdout, which is for data.
            with contextlib.redirect_stdout(io.StringIO()):
                if wanted != "cpu" and hasattr(ort, "preload_dlls"):
                    ort.preload_dlls()  # finds the CUDA libraries that pip installed
                self._session = ort.InferenceSession(data, options, providers=_PROVIDERS[wanted])
        except Exception as error:  # onnxruntime raises a dozen types that share only Exception
            raise EngineError(f"{path}: not a model that ONNX Runtime can load ({_first_line(error)})") from error
        self.device = _NAMES.get(self._session.get_providers()[0], "cpu")
        if device not in ("auto", "cpu") and self.device != device:
            # ONNX Runtime only prints a line and goes on with the CPU: the user asked for something else.
            raise EngineError(
                f"{path}: --engine {device} does not work here, ONNX Runtime fell back to {self.device}: "
                "check the GPU's driver and the libraries with `truefeed doctor`, or take --engine cpu"
            )
        meta = self._session.get_modelmeta().custom_metadata_map
        self.card = Card.from_json(meta[KEY]) if KEY in meta else None
        self.inputs = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self._outputs = [o.name for o in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        try:
            return dict(zip(self._outputs, self._session.run(None, dict(inputs)), strict=True))
        except Exception as error:
            raise EngineError(f"the model failed to run: {_first_line(error)}") from error

    def close(self) -> None:
        """Nothing to do: the session is released with the last reference to it."""


def _wanted(device: str, available: list[str], path: Path) -> str:
    if device == "auto":
        return "cuda" if "CUDAExecutionProvider" in available else "cpu"
    if _PROVIDERS[device][0] not in available:
        raise EngineError(
            f"{path}: --engine {device} needs onnxruntime-gpu: pip install 'truefeed[gpu]'; see `truefeed doctor`"
        )
    return device


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
