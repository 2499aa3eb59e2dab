"""A real Ray cluster on loopback: a head and further nodes, each of which can be killed like a machine that fails."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

_STARTS = 3
"A busy machine may be too slow for the patience of Ray's parts with each other."


@dataclass
class RayCluster:
    """One core a node; within it the cluster is there.

    Args:
        folder: gets Ray's files; a short name, since a socket lies in it.
        nodes: the head among them.
    """

    folder: Path
    nodes: int = 2
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> RayCluster:
        self.token = secrets.token_hex(20)
        for attempt in range(_STARTS):
            try:
                gcs, door = _free(), _free()
                self.address = f"ray://127.0.0.2:{door}"
                self._gcs = f"127.0.0.2:{gcs}"
                self._start("--head", f"--port={gcs}", f"--ray-client-server-port={door}", "--include-dashboard=false")
                self._wait()
                for _ in range(self.nodes - 1):
                    self.add()
                return self
            except TimeoutError:
                self.close()
                if attempt == _STARTS - 1:
                    raise
        raise AssertionError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def env(self) -> dict[str, str]:
        """What a process has to have in its environment to be let in."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0"}

    def add(self) -> int:
        """Start a node more; return its number. Raises TimeoutError."""
        for attempt in range(_STARTS):
            self._start(f"--address={self._gcs}")
            try:
                self._wait()
                break
            except TimeoutError:
                if attempt == _STARTS - 1:
                    raise
                process = self.processes.pop()
                process.kill()
                process.wait()
        return len(self.processes) - 1

    def _wait(self) -> None:
        """Wait until the last node says that it runs."""
        log = self.folder / f"node{len(self.processes) - 1}.log"
        deadline = time.monotonic() + 180
        while "Ray runtime started" not in log.read_text():
            if self.processes[-1].poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"Ray did not start: {log.read_text()[-2000:]}")
            time.sleep(0.3)

    def kill(self, number: int) -> None:
        """End a node at once, with all that runs on it."""
        process = psutil.Process(self.processes[number].pid)
        for one in [process, *process.children(recursive=True)]:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.processes[number].wait()

    def children(self, number: int) -> list[psutil.Process]:
        """Return all that runs on a node."""
        return psutil.Process(self.processes[number].pid).children(recursive=True)

    def close(self) -> None:
        """End all nodes."""
        for number, process in enumerate(self.processes):
            if process.poll() is None:
                self.kill(number)
        self.processes.clear()

    def _start(self, *words: str) -> None:
        name = f"127.0.0.{2 + len(self.processes)}"
        ports = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port")
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words, f"--node-ip-address={name}"]
        command += ["--num-cpus=1", "--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
        command += [f"--{port}={_free()}" for port in (*ports, "metrics-export-port")]
        if words[0] == "--head":
            command.append(f"--temp-dir={self.folder}")
        env = os.environ | self.env | {"RAY_agent_register_timeout_ms": "180000", "RAY_NUM_REDIS_GET_RETRIES": "120"}
        with (self.folder / f"node{len(self.processes)}.log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True))


def _free() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
