"""Tiny face models with a known answer, in real ONNX files: the brighter the face, the more it counts as fake.

With the defaults a face of mean brightness 128 has probability 0.5, one of 64 about 0.02 and one of 192 about 0.98.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from truefeed.engines.card import KEY, Card

FLOAT = TensorProto.FLOAT
THRESHOLDS = {"fake": 0.8, "real": 0.3, "alert": 0.85, "clear": 0.5}


def write_models(
    folder: Path,
    *,
    gain: float = 8.0,
    size: int = 64,
    width: int = 4,
    rows: int = 64,
    window: float = 4.0,
    rate: float = 16.0,
    calibration: tuple[float, float] = (1.0, 0.0),
    thresholds: Mapping[str, float] = THRESHOLDS,
    quality: Mapping[str, Any] | None = None,
    batch: int | str = "batch",
) -> Path:
    """Write face.onnx and face-window.onnx into folder; return the path of face.onnx, for Models.load(face_model=...).

    The logit of a crop is gain * (mean - 127.5) / 127.5 of its RGB; that of a window is the mean over its rows. The
    embedding is [mean, 0, ..., logit], `width` numbers. With a number for batch the encoder takes just so many crops
    at a time, and fails on any other.
    """
    common: dict[str, Any] = {
        "name": "brightness",
        "version": "1",
        "calibration": calibration,
        "thresholds": dict(thresholds),
        "quality": dict(quality or {}),
    }
    shape = (size, size)
    mean = (127.5,) * 3
    face = Card("face", input_size=shape, mean=mean, std=mean, crop_scale=1.05, **common)
    head = Card("face-window", input_size=(rows, width), window=window, rate=rate, **common)
    _save(folder / "face.onnx", _face(gain, size, width, batch), face)
    _save(folder / "face-window.onnx", _window(rows, width), head)
    return folder / "face.onnx"


def write_voice(path: Path, *, logit: float) -> Path:
    """Write a model of voices that finds every voice to have this logit; return its path, for Models.load."""
    nodes = [
        helper.make_node("ReduceMean", ["samples"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sum", ["mean", "past", "count"], ["sum"]),
        helper.make_node("Mul", ["sum", "nothing"], ["moments"]),
        helper.make_node("ReduceMean", ["moments"], ["none"], axes=[1], keepdims=0),
        helper.make_node("Add", ["none", "answer"], ["logit"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(0.0, np.float32), "nothing"),
        numpy_helper.from_array(np.array(logit, np.float32), "answer"),
    ]
    inputs = [
        helper.make_tensor_value_info(name, FLOAT, ["batch", size])
        for name, size in (("samples", 16000), ("past", 1), ("count", 1))
    ]
    outputs = [
        helper.make_tensor_value_info("logit", FLOAT, ["batch"]),
        helper.make_tensor_value_info("moments", FLOAT, ["batch", 1]),
    ]
    card = Card("voice", "constant", "1", input_size=(16000, 1), window=4.0, rate=16000.0, thresholds=THRESHOLDS)
    _save(path, helper.make_graph(nodes, "voice", inputs, outputs, constants), card)
    return path


def write_still(path: Path, *, gain: float = 8.0, size: int = 64) -> Path:
    """Write a model of synthesised stills to which the brighter is the more fake, as write_models does; return path."""
    nodes = [
        helper.make_node("AveragePool", ["crops"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("ReduceMean", ["cells"], ["grey"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["grey", "gain"], ["map"]),
        helper.make_node("ReduceMean", ["map"], ["logit"], axes=[1, 2], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("crops", FLOAT, ["batch", 3, size, size])]
    outputs = [
        helper.make_tensor_value_info("logit", FLOAT, ["batch"]),
        helper.make_tensor_value_info("map", FLOAT, ["batch", size // 16, size // 16]),
    ]
    constants = [numpy_helper.from_array(np.array(gain, np.float32), "gain")]
    mean = (127.5,) * 3
    card = Card(
        *("face-still", "brightness-still", "1"),
        input_size=(size, size),
        mean=mean,
        std=mean,
        crop_scale=1.2,
        views=(1.2, 0.8),
        thresholds=THRESHOLDS,
    )
    _save(path, helper.make_graph(nodes, "still", inputs, outputs, constants), card)
    return path


def _face(gain: float, size: int, width: int, batch: int | str) -> onnx.GraphProto:
    spread = np.zeros((1, width), np.float32)
    spread[0, 0], spread[0, -1] = 1.0, gain
    nodes = [
        helper.make_node("ReduceMean", ["crops"], ["flat"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["flat", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "spread"], ["embedding"]),
        helper.make_node("AveragePool", ["crops"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["cells"], ["map"], axes=[1], keepdims=0),
    ]
    constants = [numpy_helper.from_array(spread, "spread"), numpy_helper.from_array(np.array([1]), "one")]
    inputs = [helper.make_tensor_value_info("crops", FLOAT, [batch, 3, size, size])]
    outputs = [
        helper.make_tensor_value_info("embedding", FLOAT, [batch, width]),
        helper.make_tensor_value_info("map", FLOAT, [batch, size // 8, size // 8]),
    ]
    return helper.make_graph(nodes, "face", inputs, outputs, constants)


def _window(rows: int, width: int) -> onnx.GraphProto:
    pick = np.zeros((width, 1), np.float32)
    pick[-1, 0] = 1.0
    nodes = [
        helper.make_node("MatMul", ["rows", "pick"], ["column"]),
        helper.make_node("Squeeze", ["column", "two"], ["logits"]),
        helper.make_node("Mul", ["logits", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "one"], ["count"], keepdims=0),
        helper.make_node("Div", ["total", "count"], ["mean"]),
        # The ages take no part, but an engine keeps an input only where it is used.
        helper.make_node("ReduceSum", ["ages", "one"], ["age"], keepdims=0),
        helper.make_node("Mul", ["age", "nothing"], ["none"]),
        helper.make_node("Add", ["mean", "none"], ["logit"]),
    ]
    constants = [
        numpy_helper.from_array(pick, "pick"),
        numpy_helper.from_array(np.array([2]), "two"),
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.array(0.0, np.float32), "nothing"),
    ]
    inputs = [
        helper.make_tensor_value_info("rows", FLOAT, ["batch", rows, width]),
        helper.make_tensor_value_info("ages", FLOAT, ["batch", rows]),
        helper.make_tensor_value_info("mask", FLOAT, ["batch", rows]),
    ]
    return helper.make_graph(
        nodes, "face-window", inputs, [helper.make_tensor_value_info("logit", FLOAT, ["batch"])], constants
    )


def _save(path: Path, graph: onnx.GraphProto, card: Card) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, str(path))


def named_models(folder: Path) -> list[str]:
    """Write models with a known answer; return the words of a command line that name them."""
    voice = write_voice(folder / "voice.onnx", logit=3.0)
    return ["--model", str(write_models(folder)), "--voice-model", str(voice), "--engine", "cpu"]
