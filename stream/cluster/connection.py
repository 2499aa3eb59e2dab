"""The door to Ray: starts it on this machine or joins a cluster, checks that its nodes fit, and keeps it quiet."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError, MissingExtraError
from ..redaction import redact
from .nodes import ClusterError, check_nodes, first
from .run import Pass, Run
from .setup import Setup

LOCAL = "local"
"As an address: the cores of this machine."
_LOOPBACK = "127.0.0.2"
"Ray takes 127.0.0.1 for the address that other machines use; it is to be reached from here only."
_PATIENCE = "180"
"For the parts of Ray to start, s; a busy machine takes more than its 30."
_STARTS = 3
_HEAD = {"node:__internal_head__": 0.001}
"Where it is not lost with one of the other machines."
_DOOR = 10.0
"For the head to answer at all, s."


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is connected."""

    address: str
    cores: int
    gpus: float
    nodes: int
    ray: Any

    def __str__(self) -> str:
        what = "this machine" if self.address == LOCAL else f"{self.nodes} node{'s' if self.nodes != 1 else ''}"
        gpus = f", {self.gpus:g} GPU{'s' if self.gpus != 1 else ''}" if self.gpus else ""
        return f"{what}, {self.cores} core{'s' if self.cores != 1 else ''}{gpus}"

    def run(self, setup: Setup, actors: int) -> Pass:
        """Return a pass over files."""
        gpus = self._share() if setup.engine in ("cuda", "tensorrt") else 0.0
        if self.address == LOCAL:
            return Run(setup, actors, gpus)
        beside = self.ray.remote(Run).options(num_cpus=0, max_restarts=0, resources=_HEAD)
        return _Remote(self.ray, beside.remote(setup, actors, gpus))

    def _share(self) -> float:
        """Return the part of a GPU for each core, so that decoding keeps it busy."""
        if not self.gpus:
            raise ClusterError(f"{self.address}: no node of this cluster has a GPU")
        return max(0.01, min(1.0, self.gpus / max(1, self.cores)))


class _Remote:
    """The methods of Run, done beside the head."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor

    def add(self, rows: list[tuple[int, str]]) -> None:
        self._ray.get(self._actor.add.remote(rows))

    def start(self) -> None:
        self._ray.get(self._actor.start.remote())

    def take(self, seconds: float) -> list[tuple[int, str]] | None:
        answers: list[tuple[int, str]] | None = self._ray.get(self._actor.take.remote(seconds))
        return answers

    def stop(self) -> None:
        with suppress(Exception):  # it goes with the connection at the latest
            self._ray.kill(self._actor)


def check(address: str) -> str:
    """Return the address where it is one. Raises ConfigError."""
    try:
        parts = urlsplit(address)
        fits = address == LOCAL or (parts.scheme == "ray" and parts.hostname and parts.port is not None)
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(f"--cluster {redact(address)}: write `local`, or ray://HOST:10001")
    return address


@contextmanager
def connected(address: str, *, cores: int | None = None, paths: Sequence[Path] = ()) -> Iterator[Cluster]:
    """Within it the cluster is there.

    Args:
        address: `local` or ray://HOST:PORT.
        cores: to use at most on this machine; None: all.
        paths: that every node has to see.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: it cannot be reached, or a node does not fit.
    """
    ray = _ray(address)
    folder = mkdtemp(prefix="truefeed-ray-") if address == LOCAL else None
    try:
        if folder is not None:
            _start(ray, cores or len(os.sched_getaffinity(0)), folder)
        else:
            _join(ray, address)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if address != LOCAL:
            check_nodes(ray, address, nodes, paths)
        has = ray.cluster_resources()
        yield Cluster(address, max(1, int(has.get("CPU", 1))), float(has.get("GPU", 0)), len(nodes), ray)
    finally:
        with suppress(Exception), _silence():
            ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _ray(address: str) -> Any:
    # Read when Ray is imported, and by the processes that it starts.
    defaults = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_agent_register_timeout_ms": f"{_PATIENCE}000",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        "RAY_NUM_REDIS_GET_RETRIES": _PATIENCE,
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }
    if address == LOCAL and "ray" not in sys.modules and "RAY_AUTH_TOKEN" not in os.environ:
        # Some of its ports are open to the network: nobody else is to give it work.
        defaults |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for key, value in defaults.items():
        os.environ.setdefault(key, value)
    try:
        with _silence():
            import pyarrow
            import ray
            import ray.data
    except ImportError:
        raise MissingExtraError("Ray", "cluster") from None
    assert pyarrow
    return ray


def _start(ray: Any, cores: int, folder: str) -> None:
    for attempt in range(1, _STARTS + 1):
        try:
            with _silence():
                ray.init(
                    address=LOCAL,
                    num_cpus=cores,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="CRITICAL",
                    _temp_dir=folder,
                    _node_ip_address=_LOOPBACK if sys.platform == "linux" else "127.0.0.1",
                )
            return
        except Exception as error:
            with suppress(Exception):
                ray.shutdown()
            if attempt == _STARTS:
                raise ClusterError(f"Ray did not start on this machine: {first(error)}") from None


def _join(ray: Any, address: str) -> None:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 10001), _DOOR).close()
    except OSError as error:
        why = error.strerror or str(error) or "no answer"
        raise ClusterError(f"{address}: no Ray head answers there ({why.lower()})") from None
    for attempt in range(1, _STARTS + 1):
        try:
            with _silence():
                ray.init(address, log_to_driver=False, logging_level="CRITICAL")
            return
        except Exception as error:
            with suppress(Exception), _silence():
                ray.shutdown()
            # A head that is busy gives a process of its own for each client up too early.
            if attempt == _STARTS or "mismatch" in str(error):
                raise ClusterError(f"{address}: {first(error)}") from None


@contextmanager
def _silence() -> Iterator[None]:
    """Within it nothing reaches standard error: the core of Ray writes there past all logging."""
    sys.stderr.flush()
    try:
        before = os.dup(2)
    except OSError:  # closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
