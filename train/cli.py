"""`truefeed train video|voice`: finds the training that is asked for; torch is loaded only then."""

from __future__ import annotations

import sys
from importlib import import_module

from ..stream.errors import ConfigError, MissingExtraError

_MODULES = {"video": ".recipe.video", "voice": ".voice.train"}
_USAGE = """\
usage: truefeed train video|voice [options]

  video   a face model, on a data set that `truefeed preprocess` prepared
  voice   the voice model

`truefeed train video --help` and `truefeed train voice --help` tell the options.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one training; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        (sys.stdout if words else sys.stderr).write(_USAGE)
        return 0 if words else 2
    if words[0] not in _MODULES:
        raise ConfigError(f"train {words[0]}: choose `truefeed train video` or `truefeed train voice`")
    try:
        module = import_module(_MODULES[words[0]], __package__)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "train") from None
    return int(module.main(words[1:]))
