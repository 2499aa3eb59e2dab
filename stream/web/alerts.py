"""The alerts of cameras and calls, with the evidence that was kept of each."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..types import Alert
from .database import Database, Row
from .scans import stamp

_CLIPS = (".mp4", ".mkv", ".webm", ".mov")


class Alerts:
    """Rows of the database; the evidence lies in the folders that `Evidence` writes.

    Args:
        database: keeps the rows.
        folders: of the evidence; nothing outside them is ever served or deleted.
    """

    def __init__(self, database: Database, folders: Sequence[Path]) -> None:
        self._database = database
        self._folders = [folder.resolve() for folder in folders]

    def note(self, alert: Alert, stream: str | None) -> dict[str, Any]:
        """Write down that an alarm went up or down; return it as the interface shows it."""
        now = time.time()
        if not alert.raised:
            row = self._database.row(
                "SELECT * FROM alerts WHERE source=? AND subject=? AND cleared IS NULL ORDER BY seq DESC",
                *(alert.source, alert.subject),
            )
            if row is not None:
                self._database.run("UPDATE alerts SET cleared=? WHERE id=?", now, row["id"])
                return public(self.row(row["id"]) or row, self.evidence(row))
        key = secrets.token_hex(8)
        cleared = None if alert.raised else now
        self._database.run(
            "INSERT INTO alerts (id, stream, source, participant, subject, probability, t, raised, cleared, evidence) "
            "VALUES (?,?,?,?,?,?,?,?,?,?)",
            *(key, stream, alert.source, alert.participant, alert.subject, alert.probability, alert.t, now, cleared),
            alert.evidence,
        )
        row = self.row(key)
        assert row is not None
        return public(row, self.evidence(row))

    def end(self, stream: str | None = None) -> None:
        """Nobody watches any more, a stream or (None) any of them: what was still up is over."""
        where, values = ("AND stream=?", (stream,)) if stream is not None else ("", ())
        self._database.run(f"UPDATE alerts SET cleared=? WHERE cleared IS NULL {where}", time.time(), *values)

    def page(self, before: int, limit: int, stream: str | None = None) -> list[Row]:
        """Return alerts, the newest first, of a stream or (None) of all streams and calls."""
        where, values = ("AND stream=?", (stream,)) if stream is not None else ("", ())
        text = f"SELECT * FROM alerts WHERE seq < ? {where} ORDER BY seq DESC LIMIT ?"
        return self._database.rows(text, before, *values, limit)

    def row(self, key: str) -> Row | None:
        """Return an alert."""
        return self._database.row("SELECT * FROM alerts WHERE id=?", key)

    def evidence(self, row: Row) -> dict[str, Path]:
        """Return the picture and the clip that were kept, by what they are."""
        if not row["evidence"]:
            return {}
        folder = Path(row["evidence"]).resolve()
        if folder.parent not in self._folders or not folder.is_dir():
            return {}
        found = {"picture": folder / "frame.jpg"} if (folder / "frame.jpg").is_file() else {}
        clips = [f for f in folder.iterdir() if f.stem == "clip" and f.suffix in _CLIPS]
        return found | ({"clip": clips[0]} if clips else {})

    def delete(self, key: str) -> bool:
        """Delete an alert with its evidence; False where there is none."""
        row = self.row(key)
        if row is None:
            return False
        self._database.run("DELETE FROM alerts WHERE id=?", key)
        if row["evidence"]:
            folder = Path(row["evidence"]).resolve()
            if folder.parent in self._folders:
                shutil.rmtree(folder, ignore_errors=True)
        return True


def public(row: Row, evidence: dict[str, Path]) -> dict[str, Any]:
    """Return an alert as the interface shows it."""
    shown = {name: row[name] for name in ("id", "stream", "source", "participant", "subject", "probability", "t")}
    for name in ("raised", "cleared"):
        shown[name] = stamp(row[name])
    for name in ("picture", "clip"):
        shown[name] = f"/api/v1/alerts/{row['id']}/{name}" if name in evidence else None
    return shown
