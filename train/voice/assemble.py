"""A front end and a readout in one ONNX file, as the live path runs it; proved against the two run apart.

The file takes `samples`, the latest second of speech, and `past` and `count`, what it gave as `moments` of the seconds
before summed, and how many those were; it gives `logit` and `moments`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.utils import Extractor

from ...engines import Card, Engine, load
from ...engines.stamp import stamp
from ...stream.atomic import replacing
from ...stream.audio import RATE
from ...stream.errors import TruefeedError
from .front import DEPTHS
from .readout import OUTLIER, Readout
from .score import DOUBT, KNOWN, even_at, row, weighed

TOLERANCE = 1e-3
"Greatest difference allowed between the file and its parts, in units of the logit."


class ParityError(TruefeedError):
    """A file does not compute what its parts compute."""


def front_of(path: Path) -> ModelProto:
    """Read a front end, samples to moments, from its own file or out of a whole model."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    return Extractor(model).extract_model(["samples"], ["moments"])


def assemble(front: ModelProto, readout: Readout, card: Card, path: Path, tolerance: float = TOLERANCE) -> float:
    """Write the readout behind the front end to path, with the card; return the greatest difference found.

    Raises ParityError, and leaves nothing behind, where that is more than tolerance.
    """
    even, width = even_at(card.calibration), len(readout.centre)
    head = _Head(readout, even)
    model = ModelProto()
    model.CopyFrom(front)
    model.graph.node.extend(head.nodes)
    model.graph.initializer.extend(head.values)
    for name, size in (("past", width), ("count", 1)):
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]))
    model.graph.output.insert(0, helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch"]))
    stamp(model, card)
    onnx.checker.check_model(model)
    with replacing(path) as part:
        part.write_bytes(model.SerializeToString())
        worst = _difference(load(part, "cpu"), readout, even)
        if not worst <= tolerance:
            raise ParityError(f"{path}: differs from its parts by {worst:.2e}, more than {tolerance:.0e}")
    return worst


class _Head:
    """The nodes from moments to the logit, and the values in them."""

    def __init__(self, readout: Readout, even: float) -> None:
        self.nodes: list[NodeProto] = []
        self.values = [numpy_helper.from_array(v, f"head_{name}") for name, v in _constants(readout, even).items()]
        heard = self._do("Add", "count", "head_one")
        mean = self._do("Div", self._do("Add", "moments", "past"), heard)
        apart = self._do("Sub", self._row(mean, len(readout.centre)), "head_centre")
        x = self._do("Clip", self._do("Mul", apart, "head_scale"), "head_low", "head_high")
        logit = self._do("Add", self._do("MatMul", x, "head_weight"), "head_bias")  # (batch, 1)
        gain = self._do("Mul", self._do("Div", heard, self._do("Add", heard, "head_doubt")), "head_gain")
        distance = self._do("Mul", self._do("Sub", logit, "head_even"), gain)
        self.nodes.append(helper.make_node("Squeeze", [self._do("Add", distance, "head_even"), "head_axis"], ["logit"]))

    def _do(self, kind: str, *inputs: str) -> str:
        out = f"head_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out]))
        return out

    def _row(self, mean: str, width: int) -> str:
        """As score.row."""
        more = width - 2 * sum(DEPTHS)
        sizes = [size for depth in DEPTHS for size in (depth, depth)] + ([more] if more else [])
        self.values.append(numpy_helper.from_array(np.array(sizes, np.int64), "head_sizes"))
        pieces = [f"head_piece{i}" for i in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [mean, "head_sizes"], pieces, axis=1))
        parts, known = [], 2 * len(DEPTHS)
        for first, square in zip(pieces[:known:2], pieces[1:known:2], strict=True):
            rest = self._do("Max", self._do("Sub", square, self._do("Mul", first, first)), "head_none")
            parts += [first, self._do("Sqrt", self._do("Add", rest, "head_least"))]
        self.nodes.append(helper.make_node("Concat", [*parts, *pieces[known:]], ["head_row"], axis=1))
        return "head_row"


def _constants(readout: Readout, even: float) -> dict[str, npt.NDArray[np.generic]]:
    numbers = {"one": 1.0, "none": 0.0, "least": 1e-6, "low": -OUTLIER, "high": OUTLIER, "bias": readout.bias}
    numbers |= {"even": even, "doubt": DOUBT, "gain": (KNOWN + DOUBT) / KNOWN}
    arrays = {"centre": readout.centre, "scale": 1 / readout.spread, "weight": readout.weight[:, None]}
    found: dict[str, npt.NDArray[np.generic]] = {"axis": np.array([1], np.int64)}
    return found | {name: np.asarray(value, np.float32) for name, value in (arrays | numbers).items()}


def _difference(engine: Engine, readout: Readout, even: float) -> float:
    """Hear noise that comes and goes, as speech does, and compare logits with those of the readout by itself."""
    random, gaps = np.random.default_rng(0), []
    envelope = np.sin(np.linspace(0.1, 2.0, RATE))
    for before in (0, 1, 3, 7):
        past = np.zeros((1, len(readout.centre)), np.float32)
        for count in range(before + 1):
            second = (random.normal(0, 0.03, (1, RATE)) * envelope).astype(np.float32)
            found = engine.run({"samples": second, "past": past, "count": np.full((1, 1), count, np.float32)})
            past = past + found["moments"]
        plain = readout.logits(row(np.asarray(past / (before + 1), np.float32)))
        gaps.append(np.abs(found["logit"] - weighed(plain, before + 1, even)).max())
    return float(max(gaps))
