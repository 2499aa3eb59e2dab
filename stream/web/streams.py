"""Cameras and streams that the page added: a room whose members never leave by themselves, and survive a restart."""

from __future__ import annotations

import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError
from ..open import open_source
from ..redaction import public_name, redact
from ..sinks.base import Sink
from ..sinks.jsonl import verdict_event
from ..sources import SourceOptions
from ..types import Alert, Frame, Image, StateChange, Verdict
from ..webrtc.arrival import Arrival
from .alerts import Alerts
from .database import Database, Row
from .hub import Hub
from .lasting import Lasting
from .scans import stamp

ROOM = "stream"
_ALLOWED = re.compile(
    r"(rtsps?|https?|whep\+https?|rtmps?|rtmp\+listen|srt|rist)://[^\s]+|/dev/video\d{1,3}|\d{1,2}|demo", re.IGNORECASE
)
"No files and no filters of FFmpeg: whoever may add a camera may not read this machine's disk."


@dataclass(eq=False, slots=True)
class Watched:
    """What is known of one stream while the server runs."""

    key: str
    name: str
    url: str
    created: float
    state: str = "connecting"
    detail: str = ""
    event: dict[str, Any] | None = None
    "The latest verdict, as it is told."
    image: Image | None = None
    number: int = 0
    "Counts the pictures."
    source: Lasting | None = field(default=None, repr=False)


class Streams(Sink):
    """See `Room`; also the sink that hears of every source.

    Args:
        database: keeps the streams.
        hub: is told of changes.
        alerts: keeps the alerts.
        options: how streams are opened.
        most: streams at a time.
    """

    name = ROOM
    ended = False
    results = None

    def __init__(self, database: Database, hub: Hub, alerts: Alerts, options: SourceOptions, most: int) -> None:
        self._database, self._hub, self._alerts = database, hub, alerts
        self._options, self._most = options, most
        self._lock = threading.Lock()
        self._watched: dict[str, Watched] = {}
        self._arrivals: list[Arrival] = []
        self._wake: threading.Event | None = None

    @property
    def sink(self) -> Sink:
        """See `Room.sink`."""
        return self

    def start(self, wake: threading.Event) -> None:
        """See `Room.start`: take up what was watched when the last server ended."""
        self._wake = wake
        self._alerts.end()
        for row in self._database.rows("SELECT * FROM streams ORDER BY seq"):
            if self.one(row["id"]) is None:
                self._begin(row)

    def arrivals(self) -> list[Arrival]:
        """See `Room.arrivals`."""
        with self._lock:
            found, self._arrivals = self._arrivals, []
        return found

    def changes(self) -> list[StateChange]:
        """See `Room.changes`."""
        return []

    def close(self) -> None:
        """See `Room.close`."""
        for watched in self.all():
            if watched.source is not None:
                watched.source.gone.set()

    def all(self) -> list[Watched]:
        """Return what is watched, the oldest first."""
        with self._lock:
            return sorted(self._watched.values(), key=lambda watched: watched.created)

    def one(self, key: str) -> Watched | None:
        """Return a stream."""
        with self._lock:
            return self._watched.get(key)

    def add(self, url: str, name: str | None, owner: str) -> Watched:
        """Watch a stream from now on. Raises ConfigError where that is not allowed or makes no sense."""
        if not _ALLOWED.fullmatch(url):
            raise ConfigError(
                f"{redact(url)}: an address begins with rtsp://, https://, whep+https:// or rtmp+listen://, "
                "a camera is /dev/video0"
            )
        if len(self.all()) >= self._most:
            raise ConfigError(f"{self._most} streams are watched already; remove one first")
        open_source(url, self._options)  # says now what can't be right
        taken = {watched.name for watched in self.all()}
        wish = re.sub(r"\s+", " ", name or _title(url))[:60]
        title, number = wish, 2
        while title in taken:
            title, number = f"{wish} ({number})", number + 1
        key = secrets.token_hex(8)
        self._database.run(
            "INSERT INTO streams (id, name, url, owner, created) VALUES (?,?,?,?,?)",
            key,
            title,
            url,
            owner,
            time.time(),
        )
        row = self._database.row("SELECT * FROM streams WHERE id=?", key)
        assert row is not None
        return self._begin(row)

    def remove(self, key: str) -> bool:
        """Watch a stream no longer; False where there is none."""
        self._database.run("DELETE FROM streams WHERE id=?", key)
        with self._lock:
            watched = self._watched.pop(key, None)
        if watched is None:
            return False
        if watched.source is not None:
            watched.source.gone.set()
        self._alerts.end(key)
        self._hub.tell("stream", key, {"event": "stream-removed", "id": key})
        return True

    def _begin(self, row: Row) -> Watched:
        watched = Watched(row["id"], row["name"], row["url"], row["created"])
        watched.source = Lasting(watched.url, self._options)
        with self._lock:
            self._watched[watched.key] = watched
            self._arrivals.append(Arrival(watched.name, watched.source))
        if self._wake is not None:
            self._wake.set()
        self._tell(watched)
        return watched

    def _about(self, source: str, participant: str | None) -> Watched | None:
        if not source.startswith(f"{ROOM}#"):
            return None
        with self._lock:
            return next((w for w in self._watched.values() if w.name == participant), None)

    def _tell(self, watched: Watched) -> None:
        self._hub.tell("stream", watched.key, {"event": "stream-state", **public(watched)})

    def state(self, source: str, change: StateChange) -> None:
        """See `Sink.state`."""
        watched = self._about(source, change.participant)
        if watched is not None:
            watched.state, watched.detail = change.state, redact(change.detail)
            if change.state == "ended":
                self._alerts.end(watched.key)
            self._tell(watched)

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        """See `Sink.verdict`: keep picture and verdict together, so that a page shows them in step."""
        watched = self._about(verdict.source, verdict.participant)
        if watched is None:
            return
        event = verdict_event(verdict)
        for face, told in zip(verdict.faces, event["faces"], strict=True):
            told["status"] = face.status
        if frame is not None:
            event["height"], event["width"] = frame.image.shape[:2]
        with self._lock:
            watched.event, watched.number = event, watched.number + 1
            watched.image = None if frame is None else frame.image
        self._hub.tell("verdict", watched.key, {**event, "event": "verdict", "id": watched.key})

    def alert(self, alert: Alert) -> None:
        """See `Sink.alert`."""
        watched = self._about(alert.source, alert.participant)
        told = self._alerts.note(alert, watched.key if watched is not None else None)
        self._hub.tell("alert", told["id"], {"event": "alert", **told})


def public(watched: Watched) -> dict[str, Any]:
    """Return a stream as the interface shows it."""
    return {
        "id": watched.key,
        "name": watched.name,
        "url": public_name(watched.url),
        "state": watched.state,
        "detail": watched.detail,
        "verdict": watched.event,
        "created": stamp(watched.created),
    }


def _title(url: str) -> str:
    plain = public_name(url).partition("://")[2] or public_name(url)
    return re.sub(r"^\*\*\*@", "", plain).split("?")[0]
