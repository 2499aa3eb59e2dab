"""Faces in a picture: where they are, and how they are cut."""

from __future__ import annotations

from ..errors import ConfigError
from .centerface import CenterFace, Detector

__all__ = ["CenterFace", "Detector", "open_detector"]


def open_detector(spec: str = "centerface", *, long_side: int = 640, device: str = "cpu", threads: int = 1) -> Detector:
    """Open a face detector by its name on the command line.

    Args:
        spec: `centerface`, the embedded default, or `insightface[:MODEL.onnx]`, an SCRFD model of the user's.
        long_side: the picture's longer side at detection, px.
        device: as in engines.load.
        threads: intra-op threads of centerface.

    Raises:
        ConfigError: there is no such detector, or no model for it.
        MissingExtraError: insightface is not installed.
        EngineError: the model can't be loaded.
    """
    name, _, model = spec.partition(":")
    if name == "centerface" and not model:
        return CenterFace(long_side=long_side, device=device, threads=threads)
    if name == "insightface":
        from .scrfd import InsightFace

        return InsightFace(model or None, long_side=long_side, device=device)
    raise ConfigError(f"unknown face detector {spec!r}: choose centerface or insightface[:MODEL.onnx]")
