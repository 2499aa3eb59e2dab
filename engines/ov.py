"""OpenVINO: Intel processors and graphics."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from .base import Array, EngineError
from .card import KEY, Card


class OpenVinoEngine:
    """An ONNX model compiled by OpenVINO. May be called from several threads: each has its own request."""

    def __init__(self, path: Path, *, target: str = "CPU", threads: int = 1, data: bytes | None = None) -> None:
        """Load an ONNX file.

        Args:
            path: the file.
            target: a device as OpenVINO names it: `CPU`, `GPU`, `NPU`, `AUTO`.
            threads: on a CPU.
            data: the bytes of a model changed in memory; path then only names it.

        Raises:
            EngineError: OpenVINO is absent, the file is no model, or the target is not there.
        """
        try:
            import openvino
        except ImportError:
            raise EngineError("openvino is not installed: pip install 'truefeed[openvino]'") from None
        data = path.read_bytes() if data is None else data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.device = "openvino"
        core = openvino.Core()
        if target not in ("AUTO", *core.available_devices):
            raise EngineError(f"{path}: OpenVINO has no {target} here; it has {', '.join(core.available_devices)}")
        # The processor's default of bfloat16 moves scores: thresholds were calibrated in float32.
        config: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if target == "CPU":
            config |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        try:
            self._compiled = core.compile_model(core.read_model(data, b""), target, config)
            meta = {p.key: p.value for p in onnx.load_model_from_string(data).metadata_props}
        except Exception as error:  # openvino and protobuf raise types that share only Exception
            raise EngineError(f"{path}: not a model that OpenVINO can load ({_last_line(error)})") from error
        self.card = Card.from_json(meta[KEY]) if KEY in meta else None
        self._shapes = {i.any_name: i.partial_shape for i in self._compiled.inputs}
        self._shape = openvino.PartialShape
        self._outputs = [o.any_name for o in self._compiled.outputs]
        self._local = threading.local()

    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        # OpenVINO itself takes a picture of the wrong size without a word.
        for name, array in inputs.items():
            if name not in self._shapes or not self._shapes[name].compatible(self._shape(list(array.shape))):
                raise EngineError(f"the model failed to run: it takes {self._shapes}, not {name} {array.shape}")
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        try:
            results = request.infer(dict(inputs))
        except Exception as error:
            raise EngineError(f"the model failed to run: {_last_line(error)}") from error
        return {name: np.array(results[i]) for i, name in enumerate(self._outputs)}

    def close(self) -> None:
        """Nothing to do: OpenVINO releases the model with the last reference to it."""


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
