"""A real coturn on this machine, for tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from aioice.ice import get_host_addresses
from webrtc_runs import free_port


def available() -> bool:
    """Tell whether coturn is installed, and there is an address besides loopback to relay at."""
    return shutil.which("turnserver") is not None and bool(get_host_addresses(use_ipv4=True, use_ipv6=False))


class Turn:
    """A server that knows one user, `me` with the password `s3cret`; UDP and TCP, and TLS on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
        self.port, self.tls_port = free_port(), free_port()
        self.certificate = folder / "turn.pem"
        self._log = folder / "turn.log"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=turn"]
        request += ["-addext", f"subjectAltName=IP:{self.host}"]
        files = ["-keyout", str(folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run([*request, *files], check=True, capture_output=True)
        command = ["turnserver", "-n", "--no-cli", "--lt-cred-mech", "--user=me:s3cret", "--realm=test", "--no-dtls"]
        command += [f"--listening-ip={self.host}", f"--relay-ip={self.host}", f"--listening-port={self.port}"]
        command += [f"--tls-listening-port={self.tls_port}", f"--cert={self.certificate}", f"--pkey={folder}/key.pem"]
        command += ["--log-file=stdout", f"--userdb={folder}/turn.db", f"--pidfile={folder}/turn.pid"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.tls_port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(self._log.read_text()[-2000:])

    def url(self, transport: str, password: str = "s3cret") -> str:
        """Return what to give as --ice-server; transport is udp, tcp or tls."""
        if transport == "tls":
            return f"turns:me:{password}@{self.host}:{self.tls_port}?transport=tcp"
        return f"turn:me:{password}@{self.host}:{self.port}?transport={transport}"

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
