"""Picks the runtime for a model: by the suffix of its file and the device asked for."""

from __future__ import annotations

from pathlib import Path

from .base import WEIGHTS, Engine, EngineError


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
