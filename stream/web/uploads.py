"""Files that come in pieces: a broken upload goes on where it stopped."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from .database import Database, Row
from .options import Limits
from .problems import Problem, disk_full
from .scans import Scans

PIECE = 8 << 20
"How much a page sends at a time, bytes."
_NAME = 200


class Uploads:
    """What has come so far lies in one file each; its length is the offset.

    Args:
        database: holds the rows.
        folder: holds the files.
        scans: gets those that are complete.
        limits: how much may come.
    """

    def __init__(self, database: Database, folder: Path, scans: Scans, limits: Limits) -> None:
        self._database, self._folder, self._scans, self._limits = database, folder, scans, limits
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self, name: str, size: int, owner: str, keep_days: float) -> str:
        """Expect a file of size bytes; return its key. Raises Problem where it or all that is under way is too much."""
        check_size(size, self._limits)
        self.forget(time.time() - self._limits.upload_hours * 3600)
        open_now = self._database.row("SELECT count(*), coalesce(sum(size), 0) FROM uploads WHERE scan IS NULL")
        assert open_now is not None
        if open_now[0] >= self._limits.uploads:
            raise Problem(503, "busy", "too many uploads are under way", {"Retry-After": "30"})
        check_room(self._folder, size)
        key = secrets.token_hex(12)
        self.file(key).touch(mode=0o600)
        now = time.time()
        self._database.run(
            "INSERT INTO uploads (id, name, size, owner, keep_days, created, touched) VALUES (?,?,?,?,?,?,?)",
            *(key, file_name(name), size, owner, keep_days, now, now),
        )
        return key

    def row(self, key: str) -> Row:
        """Return an upload. Raises Problem where there is none."""
        row = self._database.row("SELECT * FROM uploads WHERE id=?", key)
        if row is None:
            raise Problem(404, "not-found", "there is no such upload; it may have been forgotten: begin anew")
        return row

    def file(self, key: str) -> Path:
        """Return where an upload lies."""
        return self._folder / f"{key}.part"

    def offset(self, row: Row) -> int:
        """Return how much has come, bytes."""
        if row["scan"] is not None:
            return int(row["size"])
        try:
            return self.file(row["id"]).stat().st_size
        except OSError:
            return 0

    def finish(self, row: Row) -> str:
        """Make a job of a complete upload; return its key. Twice is once."""
        if row["scan"] is not None:
            return str(row["scan"])
        key = self._scans.add(row["name"], "upload", row["owner"], row["keep_days"], row["size"])
        media = media_name(row["name"])
        self.file(row["id"]).replace(self._scans.folder(key) / media)
        self._database.run("UPDATE uploads SET scan=?, touched=? WHERE id=?", key, time.time(), row["id"])
        self._scans.queue(key, media)
        return key

    def cancel(self, key: str) -> None:
        """Forget an upload."""
        self._database.run("DELETE FROM uploads WHERE id=?", key)
        self.file(key).unlink(missing_ok=True)

    def forget(self, before: float) -> None:
        """Forget those that nobody went on with."""
        for row in self._database.rows("SELECT id FROM uploads WHERE touched < ?", before):
            self.cancel(row["id"])
        known = {f"{row['id']}.part" for row in self._database.rows("SELECT id FROM uploads")}
        for file in self._folder.glob("*.part"):
            if file.name not in known:
                file.unlink(missing_ok=True)

    def touch(self, key: str) -> None:
        """Note that somebody goes on with an upload."""
        self._database.run("UPDATE uploads SET touched=? WHERE id=?", time.time(), key)


def file_name(name: str) -> str:
    """Return what a user calls a file: one line, without a path; only ever shown, never used as a path."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c if c.isprintable() else "\ufffd" for c in last).strip()
    return printable[:_NAME] or "file"


def media_name(name: str) -> str:
    """Return under which name a file is kept: its suffix is all that is taken of the user's."""
    suffix = re.search(r"\.[A-Za-z0-9]{1,5}$", name)
    return f"media{suffix[0].lower() if suffix else ''}"


def check_size(size: int | None, limits: Limits) -> None:
    """Raise Problem where a file of size bytes is larger than allowed."""
    if size is not None and size > limits.file_bytes:
        raise Problem(413, "too-large", f"the file is larger than the {limits.file_bytes / 1e9:.1f} GB allowed")


def check_room(folder: Path, size: int) -> None:
    """Raise Problem where size bytes more would fill the disk."""
    import shutil

    if shutil.disk_usage(folder).free < size + (64 << 20):
        raise disk_full()
