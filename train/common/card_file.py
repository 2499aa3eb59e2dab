"""The card of a model file that is there already."""

from __future__ import annotations

from pathlib import Path

import onnx

from ...engines import Card
from ...engines.stamp import stamp
from ...stream.atomic import write_bytes


def restamp(path: Path, card: Card) -> None:
    """Replace the card of a file, at once or not at all; its weights stay as they are."""
    graph = onnx.load(str(path))
    stamp(graph, card)
    write_bytes(path, graph.SerializeToString())
