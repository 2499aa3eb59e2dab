"""What several test files need: the RTSP server and the virtual microphone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rtsp_server

pytest_plugins = ["skips"]

# A shell that starts the tests in the background has Ctrl-C ignored, and every program they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rtsp() -> Iterator[Callable[..., rtsp_server.RtspServer]]:
    """Start real RTSP servers, with the arguments of RtspServer; they end with the test."""
    if not rtsp_server.available():
        pytest.skip("gst-rtsp-server is not installed: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi")
    servers: list[rtsp_server.RtspServer] = []

    def start(media: Path, **settings: Any) -> rtsp_server.RtspServer:
        servers.append(rtsp_server.RtspServer(media, **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Run PulseAudio with a virtual microphone as the device `pulse`; call it with a WAV file to be spoken into it."""
    if shutil.which("pulseaudio") is None or shutil.which("paplay") is None:
        pytest.skip("PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    for name, value in (("XDG_RUNTIME_DIR", runtime), ("HOME", tmp_path)):
        monkeypatch.setenv(name, str(value))
    sink = "module-null-sink sink_name=vmic_sink"
    command = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"]
    for module in (
        "module-native-protocol-unix auth-anonymous=1",
        sink,
        "module-remap-source master=vmic_sink.monitor",
    ):
        command += ["-L", module]
    server = subprocess.Popen(command, env=os.environ | {"DBUS_SESSION_BUS_ADDRESS": ""}, stderr=subprocess.DEVNULL)
    players: list[subprocess.Popen[bytes]] = []

    def play(sound: Path) -> subprocess.Popen[bytes]:
        players.append(subprocess.Popen(["paplay", "--device=vmic_sink", str(sound)]))
        return players[-1]

    deadline = time.monotonic() + 10
    while (
        subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    yield play
    for process in (*players, server):
        process.terminate()
        process.wait()
