"""Writing a card into an ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx

from .card import KEY, Card


def stamp(graph: onnx.ModelProto, card: Card) -> None:
    """Put the card into the file's metadata."""
    del graph.metadata_props[:]
    entry = graph.metadata_props.add()
    entry.key, entry.value = KEY, card.to_json()


def restamp(path: Path, card: Card) -> None:
    """Replace the card of a file, at once or not at all; its weights stay as they are."""
    graph = onnx.load(str(path))
    stamp(graph, card)
    part = path.with_name(path.name + ".part")
    part.write_bytes(graph.SerializeToString())
    part.replace(path)
