"""One SQLite file: jobs, history, streams, alerts, users. Its schema has a number and is migrated on start."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError

_V1 = """
CREATE TABLE scans (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, origin TEXT NOT NULL,
  owner TEXT NOT NULL, size INTEGER, sha256 TEXT, kind TEXT, state TEXT NOT NULL, stage TEXT NOT NULL DEFAULT '',
  progress REAL NOT NULL DEFAULT 0, status TEXT, fake REAL, voice REAL, reasons TEXT NOT NULL DEFAULT '[]',
  seconds REAL, error TEXT, attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, started REAL, finished REAL,
  media TEXT, keep_days REAL NOT NULL, expires REAL, poster TEXT);
CREATE INDEX scans_state ON scans(state, seq);
CREATE INDEX scans_expires ON scans(expires) WHERE expires IS NOT NULL;
CREATE TABLE uploads (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, owner TEXT NOT NULL, keep_days REAL NOT NULL,
  created REAL NOT NULL, touched REAL NOT NULL, scan TEXT);
CREATE TABLE requests (key TEXT NOT NULL, owner TEXT NOT NULL, body TEXT NOT NULL, scan TEXT NOT NULL,
  created REAL NOT NULL, PRIMARY KEY (owner, key));
CREATE TABLE streams (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, url TEXT NOT NULL,
  owner TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE alerts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, stream TEXT, source TEXT NOT NULL,
  participant TEXT, subject TEXT NOT NULL, probability REAL NOT NULL, t REAL NOT NULL, raised REAL NOT NULL,
  cleared REAL, evidence TEXT);
CREATE TABLE users (name TEXT PRIMARY KEY, role TEXT NOT NULL, secret TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY, user TEXT NOT NULL, role TEXT NOT NULL, csrf TEXT NOT NULL, created REAL NOT NULL,
  expires REAL NOT NULL);
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL,
  action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
"""
MIGRATIONS: Sequence[str] = (_V1,)
"The n-th brings a file from version n to n + 1; what has been released is never changed."
Row = sqlite3.Row


class Database:
    """A connection that threads share. Raises ConfigError where the file can't be used."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}").fetchone()
            self._migrate(path)
        except sqlite3.Error as error:
            raise ConfigError(f"--data {path.parent}: the database cannot be used ({error})") from None

    def _migrate(self, path: Path) -> None:
        with self.transaction():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(MIGRATIONS):
                raise ConfigError(f"{path}: written by a later truefeed; update this one, or name another --data")
            for number in range(version, len(MIGRATIONS)):
                for statement in MIGRATIONS[number].split(";"):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Within it all is written or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, *values: object) -> int:
        """Execute a statement; return how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return what a query finds."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Row | None:
        """Return the first row that a query finds."""
        with self._lock:
            found: Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def close(self) -> None:
        """Close it; may be called twice."""
        with self._lock:
            self._connection.close()
