"""Writing a card into an ONNX file."""

from __future__ import annotations

from typing import Any

import onnx

from .card import KEY, Card


def stamp(graph: onnx.ModelProto, card: Card) -> None:
    """Put the card into the file's metadata, in place of what an exporter noted there."""
    _forget(graph)
    del graph.metadata_props[:]
    entry = graph.metadata_props.add()
    entry.key, entry.value = KEY, card.to_json()


def _forget(graph: onnx.ModelProto) -> None:
    """Drop the notes of the exporter: where in which folder of whose machine each operation was written."""
    inner = graph.graph
    parts: tuple[Any, ...] = (inner, *inner.node, *inner.value_info, *inner.input, *inner.output, *inner.initializer)
    for part in parts:
        del part.metadata_props[:]
        part.ClearField("doc_string")
