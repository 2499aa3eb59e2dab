"""A report as `truefeed scan --json` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..types import Report

_MORE = ("unreadable", "tracks", "notes", "sampled", "error")
_ALWAYS = tuple(field.name for field in fields(Report) if field.name not in _MORE)


def line(report: Report) -> dict[str, Any]:
    """Return the report as the object of its JSON line; the keys and their order are a contract."""
    told: dict[str, Any] = {name: getattr(report, name) for name in _ALWAYS}
    # Only where there is something to tell.
    more = {
        "unreadable": report.unreadable if report.notes else None,
        "tracks": report.tracks,
        "notes": report.notes,
        "sampled": report.sampled,
        "error": report.error,
    }
    return told | {key: value for key, value in more.items() if value}


def report_of(told: object) -> Report:
    """Return the report that an object of a JSON line tells of. Raises ValueError where it is none."""
    if not isinstance(told, Mapping) or not all(name in told for name in _ALWAYS) or not isinstance(told["path"], str):
        raise ValueError("this is no result of `truefeed scan`")
    known: dict[str, Any] = {name: told[name] for name in (*_ALWAYS, *_MORE) if name in told}
    known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return Report(**known)
