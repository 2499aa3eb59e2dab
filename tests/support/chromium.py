"""A real headless Chromium with a camera and a microphone fed from files, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
from media import ffmpeg
from webrtc_runs import free_port

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream --use-fake-device-for-media-stream "
    "--disable-features=WebRtcHideLocalIpsWithMdns --window-size=1280,900 --hide-scrollbars"
)


def available() -> bool:
    """Tell whether Chromium is installed."""
    return shutil.which("chromium") is not None


def fake_devices(clip: Path, folder: Path) -> tuple[Path, Path]:
    """Return a clip as what Chromium takes for its camera and its microphone."""
    camera, microphone = folder / "camera.mjpeg", folder / "microphone.wav"
    ffmpeg("-i", clip, "-an", "-pix_fmt", "yuvj420p", "-q:v", "3", camera)
    ffmpeg("-i", clip, "-vn", "-ar", "48000", microphone)
    return camera, microphone


class Chromium:
    """A browser with one page. Calls wait for their answers."""

    def __init__(self, folder: Path, camera: Path, microphone: Path) -> None:
        self._port = free_port()
        command = ["chromium", *FLAGS.split(), f"--remote-debugging-port={self._port}", f"--user-data-dir={folder}"]
        command += [f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={microphone}"]
        self._log = folder.with_suffix(".log").open("wb")
        self.process = subprocess.Popen([*command, "about:blank"], stdout=self._log, stderr=self._log)
        self._runner = asyncio.Runner()
        self._number = 0
        self._http: aiohttp.ClientSession | None = None
        self._runner.run(self._connect())

    async def _connect(self) -> None:
        for _ in range(150):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json", timeout=2) as answer:
                    pages = [p for p in json.load(answer) if p["type"] == "page"]
                if pages:
                    break
            except OSError:
                pass
            await asyncio.sleep(0.2)
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=1 << 26)
        await self._ask("Page.enable")

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=30)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        return self._runner.run(self._ask(method, **parameters))

    def go(self, url: str) -> None:
        """Open a page and wait for it."""
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href.startsWith('http')")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str, timeout: float = 40, also: Callable[[], object] = lambda: None) -> Any:
        """Wait until an expression is true in the page; return its value."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.2)
        raise AssertionError(f"{script} is {value!r} {also()}")

    def screenshot(self, path: Path) -> Path:
        """Write what the page shows into a PNG file."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path

    def close(self) -> None:
        """End the browser."""
        self._runner.run(self._http.close() if self._http else asyncio.sleep(0))
        self._runner.close()
        self.process.kill()
        self.process.wait()
        self._log.close()

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
