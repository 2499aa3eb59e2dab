"""What the routes work with, made once and closed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request

from ..errors import ConfigError, TruefeedError
from ..scan.fetch import fetch
from ..scan.process import Worker, WorkerProcess
from .database import Database, Row
from .hub import Hub
from .options import WebOptions
from .problems import Problem
from .runner import Runner, worker_settings
from .scans import Scans
from .uploads import Uploads, media_name
from .users import Users, Who

if TYPE_CHECKING:
    from ..cluster.host import Hosts

_WORKER = "truefeed.stream.web.worker"
_HOUSEKEEPING = 60.0
"Media whose time is over are looked for so often, s."


class Services:
    """The parts of one server that outlive a request.

    Args:
        options: of the server.
        models: settings of the workers: engine, faces, model, voice_model.

    Raises:
        ConfigError: the folder can't be written to, or another server uses it.
    """

    def __init__(self, options: WebOptions, models: Mapping[str, Any]) -> None:
        self.options = options
        try:
            options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            (options.data / "scans").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"--data {options.data}: {(error.strerror or 'cannot be made').lower()}") from None
        self._alone = _Lock(options.data / "lock")
        self.database = Database(options.data / "truefeed.sqlite")
        self.hub = Hub()
        self.users = Users(self.database)
        self.scans = Scans(self.database, options.data / "scans", self.hub)
        self.uploads = Uploads(self.database, options.data / "uploads", self.scans, options.limits)
        self._hosts: Hosts | None = None
        make = self._maker(worker_settings(options, models))
        self.runners = [Runner(self.scans, options, make, self._fetch) for _ in range(options.jobs)]
        self.started = time.time()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep_house, name="truefeed-retention", daemon=True)

    def _maker(self, settings: Mapping[str, Any]) -> Callable[[], Worker]:
        """Return what makes the workers, here or on the cluster."""
        if self.options.cluster is None:
            return lambda: WorkerProcess(_WORKER, settings)
        from ..cluster.host import Hosts  # with the whole analysis, which is of no use here otherwise

        self._hosts = Hosts(self.options.cluster, _WORKER, settings)
        return self._hosts.worker

    def start(self) -> None:
        """Go on with what waits."""
        self.scans.resume()
        for runner in self.runners:
            runner.start()
        self._keeper.start()

    def close(self) -> None:
        """Stop; what is not done waits for the next server."""
        self._stop.set()
        self.hub.close()
        for runner in self.runners:
            runner.close()
        if self._hosts is not None:
            self._hosts.close()
        if self._keeper.ident is not None:
            self._keeper.join(5)
        self.database.close()
        self._alone.close()

    def submit(self, who: Who, url: str, keep_days: float | None) -> str:
        """Make a job of an address; return its key."""
        self.check_busy()
        key = self.scans.add(url, url, who.name, self.keep_days(keep_days), None)
        self.scans.queue(key, None)
        return key

    def keep_days(self, wish: float | None) -> float:
        """Return for how many days media are kept."""
        return self.options.keep_days if wish is None else wish

    def check_busy(self) -> None:
        """Raise Problem where too much waits already."""
        if self.scans.count("queued", "running", "receiving") >= self.options.limits.waiting:
            raise Problem(503, "busy", "too many files wait to be judged", {"Retry-After": "60"})

    def delete(self, key: str) -> bool:
        """Delete a job, also while it is being done."""
        gone = self.scans.delete(key)
        for runner in self.runners:
            runner.cancel(key)
        return gone

    def _fetch(self, row: Row) -> tuple[str, int]:
        key, folder = row["id"], self.scans.folder(row["id"])
        kept: list[str] = []

        def target(name: str) -> Path:
            self.scans.known(key, name=name)
            kept.append(media_name(name))
            return folder / kept[0]

        _, _, size = fetch(
            row["origin"],
            target,
            most=self.options.limits.file_bytes,
            private=self.options.allow_private,
            tell=lambda share: self.scans.progress(key, share * 0.2, "fetch"),
        )
        self.scans.known(key, media=kept[0], size=size)
        return kept[0], size

    def _keep_house(self) -> None:
        while not self._stop.wait(_HOUSEKEEPING):
            now = time.time()
            self.scans.expire(now)
            self.uploads.forget(now - self.options.limits.upload_hours * 3600)


class _Lock:
    """One server a folder."""

    def __init__(self, path: Path) -> None:
        import fcntl

        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ConfigError(f"--data {path.parent}: another truefeed server uses this folder") from None

    def close(self) -> None:
        self._file.close()


def who_of(request: Request) -> Who:
    """Return who asks. Raises Problem where nobody has signed in."""
    who = request.state.who
    if not isinstance(who, Who):
        raise Problem(401, "sign-in", "a token or a session is needed", {"WWW-Authenticate": "Bearer"})
    return who


def refuse(error: TruefeedError) -> Problem:
    """Return the answer for what a user asked in vain."""
    return Problem(422, "refused", str(error))


def found(services: Services, key: str) -> Row:
    """Return the row of a scan. Raises Problem (404) where there is none."""
    row = services.scans.row(key)
    if row is None:
        raise absent()
    return row


def absent() -> Problem:
    """Return the answer for what is not there."""
    return Problem(404, "not-found", "there is no such thing; it may have been deleted")
