"""`truefeed doctor`: what works on this machine, and for each thing missing the one command that brings it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TextIO

from ..config.option import of
from ..config.settings import ReportSettings
from .doctor_check import Check

_WAYS = (
    "Zoom, Teams, WhatsApp, a telephone ...: docs/which-way.md, or `truefeed serve` and http://localhost:5000/ways\n"
)
_MARK = {"ok": "ok", "absent": "--", "broken": "!!"}


def command(arguments: argparse.Namespace) -> int:
    """Run `truefeed doctor`; returns 0 if `watch` and `scan` can run here, else 1."""
    from . import doctor_devices, doctor_engines

    settings = of(ReportSettings, vars(arguments))
    found: list[Check] = []
    for probe in (*doctor_engines.PROBES, *doctor_devices.PROBES):
        for check in _guarded(probe):
            found.append(check)
            if not settings.json:
                _say(check, found, sys.stdout)
    lacking = [c for c in found if c.needed and c.state != "ok"]
    if settings.json:
        sys.stdout.write(json.dumps({"ok": not lacking, "checks": [asdict(c) for c in found]}) + "\n")
    else:
        sys.stdout.write(_verdict(lacking))
    return 1 if lacking else 0


def _guarded(probe: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """A doctor must survive what it finds: drivers and half-installed packages raise anything at all."""
    try:
        yield from probe()
    except Exception as error:
        yield Check("other", probe.__name__, "broken", f"{type(error).__name__}: {_first_line(error)}")


def _say(check: Check, before: list[Check], out: TextIO) -> None:
    if len(before) < 2 or before[-2].group != check.group:
        out.write(f"\n{check.group}\n" if len(before) > 1 else f"{check.group}\n")
    out.write(f"  {_MARK[check.state]:<3}{check.name:<26} {check.detail}".rstrip() + "\n")
    if check.fix and check.state != "ok":
        out.write(f"     {'':<26} -> {check.fix}\n")
    out.flush()


def _verdict(lacking: list[Check]) -> str:
    if not lacking:
        return f"\nAll that `truefeed watch` and `truefeed scan` need is here. Try: truefeed watch demo\n{_WAYS}"
    lines = [f"  {c.group} / {c.name}: {c.fix or c.detail}" for c in lacking]
    return "\nNot ready. Needed first:\n" + "\n".join(lines) + "\n"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]
