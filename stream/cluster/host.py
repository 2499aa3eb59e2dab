"""A worker process on another machine, for a server that has files judged one at a time and shows how far they are."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import TruefeedError
from ..scan.process import WorkerEndedError, WorkerLostError, WorkerProcess
from ..scan.scanner import Job
from .connection import Cluster, check, connected
from .nodes import told
from .setup import Setup, setup

_PIECE = 4 << 20
"Of a file that goes over the network at a time, bytes."
_WAIT = 1.0
"For a line, before it is asked for again, s."
_CORE = 60.0
"For a free core, s."


class Host:
    """The process and its folder, on a machine of the cluster.

    Args:
        module: that the process runs.
        wanted: the models.
        settings: what else the process is told.
    """

    def __init__(self, module: str, wanted: Setup, settings: Mapping[str, Any]) -> None:
        self._folder = TemporaryDirectory(prefix="truefeed-", ignore_cleanup_errors=True)
        self._job: TemporaryDirectory[str] | None = None
        models = Path(self._folder.name, "models")
        models.mkdir()
        self._worker = WorkerProcess(module, {**wanted.settings(models), **settings})

    def ready(self) -> None:
        """Answer once it is there."""

    def begin(self) -> None:
        """Make room for a job."""
        if self._job is not None:
            self._job.cleanup()
        self._job = TemporaryDirectory(dir=self._folder.name, ignore_cleanup_errors=True)

    def put(self, name: str, piece: bytes) -> None:
        """Append to a file of the job."""
        with self._at(name).open("ab") as file:
            file.write(piece)

    def ask(self, task: Mapping[str, Any]) -> None:
        """Begin the job."""
        self._worker.ask({**task, "folder": str(self._at("x").parent)})

    def line(self, seconds: float) -> dict[str, Any] | None:
        """Return the next line of the process, waiting so many seconds at most. Raises WorkerEndedError."""
        return self._worker.line(seconds)

    def files(self) -> list[str]:
        """Return the names of what is in the folder of the job."""
        return sorted(path.name for path in self._at("x").parent.iterdir())

    def get(self, name: str, start: int) -> bytes:
        """Return a piece of a file of the job; empty at its end."""
        with self._at(name).open("rb") as file:
            file.seek(start)
            return file.read(_PIECE)

    def _at(self, name: str) -> Path:
        assert self._job is not None
        return Path(self._job.name, Path(name).name)


class RemoteWorker:
    """A Host, with the methods of WorkerProcess: what it makes of a file comes into the folder of the task."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._task: Mapping[str, Any] = {}

    def ask(self, task: Mapping[str, Any]) -> None:
        """Send a file to be judged: `folder`, `media`, `name`. Raises WorkerLostError."""
        self._task = task
        self._call("begin")
        with Path(task["folder"], task["media"]).open("rb") as file:
            while piece := file.read(_PIECE):
                self._call("put", task["media"], piece)
        self._call("ask", {key: value for key, value in task.items() if key != "folder"})

    def line(self, timeout: float) -> dict[str, Any] | None:
        """Return the next line; None where none came within timeout, s.

        Raises:
            WorkerEndedError: the file ended the process.
            WorkerLostError: the machine or the way to it is gone.
        """
        while timeout > 0:
            found: dict[str, Any] | None = self._call("line", min(timeout, _WAIT))
            if found is not None:
                if found["event"] == "done":
                    self._fetch()
                return found
            timeout -= _WAIT
        return None

    def end(self) -> None:
        """End it, whatever it does."""
        with suppress(Exception):
            self._ray.kill(self._actor)

    def _fetch(self) -> None:
        folder = Path(self._task["folder"])
        names = [name for name in self._call("files") if name != self._task["media"]]
        # Whoever finds the result finds all that it speaks of.
        for name in sorted(names, key=lambda name: name == "result.json"):
            with (folder / Path(name).name).open("wb") as out:
                while piece := self._call("get", name, out.tell()):
                    out.write(piece)

    def _call(self, method: str, *words: Any) -> Any:
        try:
            return self._ray.get(getattr(self._actor, method).remote(*words), timeout=_CORE)
        except Exception as error:
            ours = told(error)
            if isinstance(ours, WorkerEndedError):
                raise ours from None
            raise WorkerLostError(
                f"the machine of the cluster that judged it is gone ({type(error).__name__})"
            ) from None


class Hosts:
    """The way of a server to a cluster; it is gone in search of again after it was lost.

    Args:
        address: as of `--cluster`.
        module: that the processes run.
        settings: what they are told: engine, faces, model and voice_model where these are given, and limits.

    Raises:
        ConfigError: the address is none, or a model is not there.
    """

    def __init__(self, address: str, module: str, settings: Mapping[str, Any]) -> None:
        self.address = check(address)
        self._module = module
        self._setup = setup(Job.of(settings), 0.0)
        ours = ("engine", "faces", "model", "voice_model")
        self._limits = {key: value for key, value in settings.items() if key not in ours}
        self._way = ExitStack()
        self._cluster: Cluster | None = None
        self._lock = threading.Lock()

    def worker(self) -> RemoteWorker:
        """Return a process on the cluster. Raises WorkerLostError: there is no cluster, or it has no core to spare."""
        with self._lock:
            try:
                ray = self._connected().ray
            except TruefeedError as error:
                raise WorkerLostError(str(error)) from None
            actor = ray.remote(Host).options(num_cpus=1, max_restarts=0)
            worker = RemoteWorker(ray, actor.remote(self._module, self._setup, self._limits))
        try:
            worker._call("ready")
        except WorkerLostError:
            worker.end()
            raise WorkerLostError(f"{self.address}: no core of the cluster is free") from None
        return worker

    def close(self) -> None:
        """Leave the cluster."""
        with self._lock:
            self._leave()

    def _connected(self) -> Cluster:
        if self._cluster is not None:
            try:
                if self._cluster.ray.nodes():
                    return self._cluster
            except Exception:
                pass
            self._leave()
        self._cluster = self._way.enter_context(connected(self.address))
        return self._cluster

    def _leave(self) -> None:
        self._cluster = None
        with suppress(Exception):
            self._way.close()
