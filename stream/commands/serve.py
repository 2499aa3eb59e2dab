"""`truefeed serve`: a door through which calls come in, and a page that shows what is thought of them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from ..config.settings import build
from ..webrtc.server import CallServer
from .watch import options_of, watch

_DOOR = ("host", "port", "certificate")


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed serve`; returns the exit code."""
    given: dict[str, Any] = {k: v for k, v in vars(arguments).items() if k != "command"}
    door = {k: given.pop(k) for k in _DOOR if k in given}
    # Participants are settings without a URL of their own.
    settings = build(["call"], given, None)
    (stream,) = settings.streams
    server = CallServer(options_of(stream, settings), **door)
    return watch(replace(settings, streams=()), sys.stdout, sys.stderr, rooms=[(server, stream)])
