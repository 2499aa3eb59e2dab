"""`truefeed extension`: the browser extension as a folder that a browser loads."""

from __future__ import annotations

import argparse
import sys

from ..extension.folder import write


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed extension`; returns the exit code."""
    out = arguments.out.expanduser().resolve()
    archive = write(out)
    sys.stderr.write(
        f"truefeed: the extension is in {out} (and, to pass on, {archive})\n"
        "Open chrome://extensions (Edge: edge://extensions), switch on the developer mode at the top,\n"
        f"press `Load unpacked` and choose {out}. Then run `truefeed serve` and join a call.\n"
    )
    return 0
