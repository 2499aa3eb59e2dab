"""`truefeed export`: networks to model files; torch is loaded only when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module

from ..stream.errors import MissingExtraError

_MODULES = {"face": "face", "still": "still", "voice": "voice", "int8": "quantize"}
_PLAN = "tensorrt"
_USAGE = """\
usage: truefeed export [face|still|voice|int8] [options]
       truefeed export --to tensorrt|tensorrt-rtx FILE.onnx [options]

  face   the face model to ONNX, proved against the network (the default)
  still  the model of synthesised faces in still pictures, likewise
  voice  the two networks that the voice model hears with, to ONNX
  int8   an 8-bit variant of a face model in ONNX, with a report of what that changes
  --to   a TensorRT or TensorRT-RTX plan of a model in ONNX: FILE.plan and its key FILE.plan.json

`truefeed export face --help`, `truefeed export --to tensorrt --help` and so on tell the options.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one export; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        (sys.stdout if words else sys.stderr).write(_USAGE)
        return 0 if words else 2
    if any(word == "--to" or word.startswith("--to=") for word in words):
        name = _PLAN
    else:
        name = _MODULES[words.pop(0) if words[0] in _MODULES else "face"]
    try:
        module = import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "export") from None
    return int(module.main(words))
