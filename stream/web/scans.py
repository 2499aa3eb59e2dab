"""The jobs and their results: rows of the database, and a folder each."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..atomic import write_text
from ..redaction import redact
from ..sinks.jsonl import dumps
from .database import Database, Row
from .hub import Hub

State = Literal["queued", "running", "done", "failed"]
_SHOWN = ("id", "name", "origin", "size", "sha256", "kind", "state", "stage", "progress", "status", "seconds", "error")
DAY = 86400.0
ATTEMPTS = 3
"A job that took the server down with it so many times is not tried again."


class Scans:
    """Every change of a job is written down before it is told.

    Args:
        database: holds the rows.
        folder: gets a folder a job, with the media and what was made of them.
        hub: is told of changes.
    """

    def __init__(self, database: Database, folder: Path, hub: Hub) -> None:
        self._database, self._folder, self._hub = database, folder, hub
        self.waiting = threading.Event()
        "Set whenever there may be something to do."

    def folder(self, key: str) -> Path:
        """Return where the files of a job lie."""
        return self._folder / key

    def add(self, name: str, origin: str, owner: str, keep_days: float, size: int | None) -> str:
        """Make a job that is not queued yet (its media, of size bytes, are still to come); return its key."""
        key = secrets.token_hex(8)
        self.folder(key).mkdir(parents=True, mode=0o700)
        self._database.run(
            "INSERT INTO scans (id, name, origin, owner, size, state, created, keep_days) VALUES (?,?,?,?,?,?,?,?)",
            *(key, name, origin, owner, size, "receiving", time.time(), keep_days),
        )
        return key

    def queue(self, key: str, media: str | None, size: int | None = None) -> None:
        """Let a job wait for a worker; media, of size bytes, is a name in its folder; None: still to be fetched."""
        self._database.run(
            "UPDATE scans SET state='queued', media=?, size=coalesce(?, size) WHERE id=?", media, size, key
        )
        self._tell(key)
        self.waiting.set()

    def claim(self) -> Row | None:
        """Return the oldest job that waits, now running; None where none waits."""
        with self._database.transaction():
            row = self._database.row("SELECT * FROM scans WHERE state='queued' ORDER BY seq LIMIT 1")
            if row is None:
                self.waiting.clear()
                return None
            self._database.run(
                "UPDATE scans SET state='running', attempts=attempts+1, started=?, progress=0, stage='start' "
                "WHERE id=?",
                *(time.time(), row["id"]),
            )
        self._tell(row["id"])
        return row

    def progress(self, key: str, share: float, stage: str) -> None:
        """Note how far a job is, 0..1."""
        self._database.run("UPDATE scans SET progress=?, stage=? WHERE id=?", round(share, 3), stage, key)
        self._tell(key)

    def known(self, key: str, **values: str | int | None) -> None:
        """Note what became known of the file: its name, size or media."""
        for name, value in values.items():
            if name not in ("name", "size", "media"):
                raise ValueError(name)
            self._database.run(f"UPDATE scans SET {name}=? WHERE id=?", value, key)

    def done(self, key: str, result: Mapping[str, Any]) -> None:
        """Write down what was found, and delete the media where they were not to be kept."""
        report = result["report"]
        row = self._database.row("SELECT keep_days FROM scans WHERE id=?", key)
        if row is None:
            return
        now = time.time()
        expires = now + float(row["keep_days"]) * DAY
        self._database.run(
            "UPDATE scans SET state=?, progress=1, stage='', finished=?, expires=?, sha256=?, size=?, kind=?, "
            "status=?, fake=?, voice=?, reasons=?, seconds=?, error=?, poster=? WHERE id=?",
            *("failed" if report["status"] == "error" else "done", now, expires, result["sha256"], result["size"]),
            *(report["kind"], report["status"], report["fake_probability"], report["voice_probability"]),
            *(json.dumps(report["reasons"]), report["seconds"], report.get("error"), result.get("poster"), key),
        )
        self.expire(now)
        self._tell(key)

    def again(self, key: str) -> None:
        """Let a job wait once more whose worker was lost."""
        self._database.run("UPDATE scans SET state='queued', progress=0, stage='' WHERE id=? AND state='running'", key)
        self._tell(key)
        self.waiting.set()

    def failed(self, key: str, why: str) -> None:
        """Write down that a job ended without a result."""
        now = time.time()
        self._database.run(
            "UPDATE scans SET state='failed', status='error', error=?, finished=?, stage='', "
            "expires=? + keep_days * ? WHERE id=?",
            *(why, now, now, DAY, key),
        )
        self.expire(now)
        self._tell(key)

    def resume(self) -> int:
        """After a start: queue what the last server left running; return how many jobs wait."""
        for row in self._database.rows("SELECT id, attempts FROM scans WHERE state='running'"):
            if row["attempts"] >= ATTEMPTS:
                self.failed(row["id"], "the analysis was interrupted each time that it was tried")
        self._database.run("UPDATE scans SET state='queued', progress=0, stage='' WHERE state='running'")
        for row in self._database.rows("SELECT id FROM scans WHERE state='receiving'"):
            self.delete(row["id"])
        waiting = self.count("queued")
        if waiting:
            self.waiting.set()
        return waiting

    def expire(self, now: float) -> int:
        """Delete the media whose time is over; the findings stay. Return how many."""
        rows = self._database.rows("SELECT id, media FROM scans WHERE expires <= ? AND media IS NOT NULL", now)
        for row in rows:
            (self.folder(row["id"]) / row["media"]).unlink(missing_ok=True)
            self._database.run("UPDATE scans SET media=NULL WHERE id=?", row["id"])
        return len(rows)

    def keep(self, key: str, days: float) -> None:
        """Keep the media for so many days from now; 0 deletes them."""
        now = time.time()
        self._database.run(
            "UPDATE scans SET keep_days=?, expires=CASE WHEN finished IS NULL THEN NULL ELSE ? END WHERE id=?",
            *(days, now + days * DAY, key),
        )
        self.expire(now)
        self._tell(key)

    def delete(self, key: str) -> bool:
        """Delete a job with all its files; False where there is none."""
        gone = self._database.run("DELETE FROM scans WHERE id=?", key) > 0
        self._database.run("DELETE FROM requests WHERE scan=?", key)
        self._database.run("UPDATE uploads SET scan=NULL WHERE scan=?", key)
        if gone:
            shutil.rmtree(self.folder(key), ignore_errors=True)
            self._hub.tell("scan", key, {"event": "deleted", "id": key})
        return gone

    def row(self, key: str) -> Row | None:
        """Return a job."""
        return self._database.row("SELECT * FROM scans WHERE id=?", key)

    def result(self, key: str) -> dict[str, Any] | None:
        """Return all that was found; None where there is nothing yet."""
        file = self.folder(key) / "result.json"
        try:
            return dict(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError):
            return None

    def count(self, *states: str) -> int:
        """Return how many jobs are in one of the states."""
        marks = ",".join("?" * len(states))
        found = self._database.row(f"SELECT count(*) FROM scans WHERE state IN ({marks})", *states)
        return int(found[0]) if found else 0

    def _tell(self, key: str) -> None:
        row = self.row(key)
        if row is not None:
            self._hub.tell("scan", key, {"event": "scan", **public(row)})


def public(row: Row) -> dict[str, Any]:
    """Return a job as the interface shows it."""
    shown: dict[str, Any] = {name: row[name] for name in _SHOWN}
    for name in ("created", "started", "finished"):
        shown[name] = stamp(row[name])
    shown["fake_probability"], shown["voice_probability"] = row["fake"], row["voice"]
    shown["origin"] = redact(row["origin"])
    shown["reasons"] = json.loads(row["reasons"])
    shown["has_media"] = row["media"] is not None and row["state"] in ("done", "failed")
    shown["expires"] = stamp(row["expires"]) if shown["has_media"] else None
    shown["poster"] = f"/api/v1/scans/{row['id']}/pictures/{row['poster']}" if row["poster"] else None
    return shown


def stamp(at: float | None) -> str | None:
    """Return a time as RFC 3339 has it, in UTC."""
    if at is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write at once or not at all."""
    write_text(file, dumps(value), "replace")
