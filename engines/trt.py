"""Native TensorRT (10 or newer) and TensorRT-RTX: runs a plan that `truefeed export --to tensorrt` built."""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Array, EngineError
from .plan import Machine, PlanKey, read_key, rebuild

_PACKAGES = {"tensorrt": "pip install 'truefeed[tensorrt]'", "tensorrt_rtx": "pip install 'truefeed[tensorrt-rtx]'"}


class TensorRtEngine:
    """A plan on the GPU: one execution context, one stream and buffers that grow; calls take turns."""

    def __init__(self, path: Path) -> None:
        """Load path and the key beside it.

        Raises:
            EngineError: the runtime is absent, there is no GPU, or the plan was built for another machine.
        """
        data = path.read_bytes()
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.device = "tensorrt"
        self.key, self.card = read_key(path, self.sha256)
        trt = runtime(self.key.runtime, path)
        self._cuda = _Cuda(path, self.key.runtime)
        if wrong := self.key.misfits(self._cuda.machine(self.key.runtime, trt.__version__)):
            raise EngineError(f"{path}: {'; '.join(wrong)}; {rebuild(path, self.key.runtime)}")
        self._logger = trt.Logger(trt.Logger.ERROR)
        self._engine = trt.Runtime(self._logger).deserialize_cuda_engine(data)
        self._context = self._engine and self._engine.create_execution_context()
        if not self._context:
            raise EngineError(f"{path}: TensorRT refused the plan; {rebuild(path, self.key.runtime)}")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._types = {name: np.dtype(trt.nptype(self._engine.get_tensor_dtype(name))) for name in names}
        self._outputs = [n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.OUTPUT]
        self._buffers: dict[str, tuple[int, int]] = {}
        self._stream = self._cuda.call("cudaStreamCreate")
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        parts = _split(inputs, self.key)
        for part in parts:
            self.key.check({name: array.shape for name, array in part.items()})
        with self._lock:
            results = [self._run(part) for part in parts]
        if len(results) == 1:
            return results[0]
        return {name: np.concatenate([r[name] for r in results]) for name in self._outputs}

    def _run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        # The copies are asynchronous: the arrays must live until the stream has been waited for.
        arrays = {name: np.ascontiguousarray(array, self._types[name]) for name, array in inputs.items()}
        for name, array in arrays.items():
            self._context.set_input_shape(name, array.shape)
            self._cuda.upload(self._buffer(name, array.nbytes), array, self._stream)
        outputs = {n: np.empty(tuple(self._context.get_tensor_shape(n)), self._types[n]) for n in self._outputs}
        for name, array in outputs.items():
            self._buffer(name, array.nbytes)
        if not self._context.execute_async_v3(int(self._stream)):
            raise EngineError("the model failed to run in TensorRT")
        for name, array in outputs.items():
            self._cuda.download(array, self._buffers[name][0], self._stream)
        self._cuda.call("cudaStreamSynchronize", self._stream)
        return outputs

    def _buffer(self, name: str, size: int) -> int:
        """Return the device address of a tensor, with room for size bytes, known to the context."""
        pointer, room = self._buffers.get(name, (0, 0))
        if room < size:
            if room:
                self._cuda.call("cudaFree", pointer)
            pointer, room = int(self._cuda.call("cudaMalloc", size)), size
            self._buffers[name] = pointer, room
        self._context.set_tensor_address(name, pointer)
        return pointer

    def close(self) -> None:
        with self._lock:
            buffers, self._buffers = self._buffers, {}
            for pointer, _ in buffers.values():
                self._cuda.call("cudaFree", pointer)
            if self._stream is not None:
                self._cuda.call("cudaStreamDestroy", self._stream)
                self._stream = None


class _Cuda:
    """The few CUDA calls that are needed, each checked."""

    def __init__(self, path: Path | None, runtime: str) -> None:
        """Find the GPU; path names the plan that wants it, None where one is to be built."""
        name = f"{path}: " if path else ""
        try:
            self._api = importlib.import_module("cuda.bindings.runtime")
        except ImportError:
            raise EngineError(f"{name}cuda-bindings is not installed: {_PACKAGES[runtime]}") from None
        error, count = self._api.cudaGetDeviceCount()
        if int(error) or not count:
            why = self._api.cudaGetErrorString(error)[1].decode() if int(error) else "no device"
            if path is None:
                raise EngineError(f"there is no NVIDIA GPU with its driver here ({why})")
            raise EngineError(f"{path}: a plan needs an NVIDIA GPU and its driver ({why}); here take the .onnx file")

    def call(self, name: str, *args: object) -> Any:  # noqa: ANN401 - a foreign, untyped interface
        error, *values = getattr(self._api, name)(*args)
        if int(error):
            raise EngineError(f"{name}: {self._api.cudaGetErrorString(error)[1].decode()}")
        return values[0] if values else None

    def machine(self, runtime: str, version: str) -> Machine:
        about = self.call("cudaGetDeviceProperties", 0)
        driver = self.call("cudaDriverGetVersion")
        return Machine(
            gpu=about.name.decode().rstrip("\0"),
            capability=f"{about.major}.{about.minor}",
            driver=f"{driver // 1000}.{driver % 1000 // 10}",
            runtime=runtime,
            version=version,
        )

    def upload(self, pointer: int, array: Array, stream: object) -> None:
        kind = self._api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", pointer, array.ctypes.data, array.nbytes, kind, stream)

    def download(self, array: Array, pointer: int, stream: object) -> None:
        kind = self._api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", array.ctypes.data, pointer, array.nbytes, kind, stream)


def machine(name: str) -> Machine:
    """Return what a plan built here for `tensorrt` or `tensorrt_rtx` runs on.

    Raises EngineError where the runtime is absent or there is no GPU.
    """
    return _Cuda(None, name).machine(name, runtime(name).__version__)


def runtime(name: str, path: Path | None = None) -> ModuleType:
    """Return the module `tensorrt` or `tensorrt_rtx`; path names the plan or model that wants it.

    Raises EngineError where it is absent or too old.
    """
    at = f"{path}: " if path else ""
    if name not in _PACKAGES:
        again = f"; {rebuild(path)}" if path else ""
        raise EngineError(f"{at}built by {name!r}, which truefeed does not know{again}")
    try:
        trt = importlib.import_module(name)
    except ImportError:
        raise EngineError(f"{at}{name} is not installed: {_PACKAGES[name]}") from None
    if name == "tensorrt" and int(trt.__version__.split(".")[0]) < 10:
        raise EngineError(f"{at}TensorRT {trt.__version__} is too old: 10 or newer is needed")
    return trt


def _split(inputs: Mapping[str, npt.NDArray[np.float32]], key: PlanKey) -> list[dict[str, npt.NDArray[np.float32]]]:
    """Cut a batch into parts no larger than the plan's greatest."""
    most = min((high[0] for _, _, high in key.shapes.values()), default=1)
    count = max((len(array) for array in inputs.values()), default=0)
    return [{k: v[i : i + most] for k, v in inputs.items()} for i in range(0, max(count, 1), most)]
