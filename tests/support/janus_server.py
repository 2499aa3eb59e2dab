"""A real Janus with a VideoRoom, on loopback, for tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from webrtc_runs import free_port


def available() -> bool:
    """Tell whether Janus is installed."""
    return shutil.which("janus") is not None


class Janus:
    """A server with room 1234, its files under a folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "janus.jcfg").write_text(
            f'general: {{ configs_folder = "{folder}"\n debug_level = 3 }}\n'
            'plugins: { disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,'
            "libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,libjanus_textroom.so,"
            'libjanus_videocall.so,libjanus_voicemail.so" }\n'
            'transports: { disable = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,'
            'libjanus_rabbitmq.so" }\n'
        )
        (folder / "janus.transport.websockets.jcfg").write_text(
            f'general: {{ ws = true\n ws_port = {self.port}\n ws_ip = "127.0.0.1" }}\nadmin: {{ admin_ws = false }}\n'
        )
        (folder / "janus.plugin.videoroom.jcfg").write_text(
            'room-1234: { description = "test"\n publishers = 6\n bitrate = 1500000\n fir_freq = 10\n'
            " notify_joining = true }\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    def start(self) -> None:
        log = (self._folder / "log").open("wb")
        command = ["janus", "-F", str(self._folder), "-C", str(self._folder / "janus.jcfg"), "-N"]
        self._process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        import socket

        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Janus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()
