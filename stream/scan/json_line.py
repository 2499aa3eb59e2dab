"""A report as `truefeed scan --json` prints it."""

from __future__ import annotations

from typing import Any

from ..types import Report


def line(report: Report) -> dict[str, Any]:
    """Return the report as the object of its JSON line; the keys and their order are a contract."""
    told: dict[str, Any] = {
        "path": report.path,
        "kind": report.kind,
        "status": report.status,
        "fake_probability": report.fake_probability,
        "voice_probability": report.voice_probability,
        "reasons": report.reasons,
        "faces": report.faces,
        "timeline": report.timeline,
        "seconds": report.seconds,
        "model": report.model,
    }
    # Only where there is something to tell.
    more = {
        "unreadable": report.unreadable if report.notes else None,
        "tracks": report.tracks,
        "notes": report.notes,
        "error": report.error,
    }
    return told | {key: value for key, value in more.items() if value}
