"""Web sites with calls on loopback, by the names of real ones, and a Chromium with the extension that opens them."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
from media import portrait
from playwright import sync_api
from truefeed.stream.extension.folder import write

CHROMIUM = shutil.which("chromium")
MEET = "https://meet.google.com"
ZOOM = "https://app.zoom.us"
PLAIN = "https://calls.example"
"A site that the extension does not know."
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --ignore-certificate-errors "
    "--enable-unsafe-extension-debugging "
    "--autoplay-policy=no-user-gesture-required"
)
STRICT = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'none'"


class _Page(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        if self.path.startswith("/strict"):
            self.send_header("Content-Security-Policy", STRICT)
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@contextmanager
def sites(folder: Path) -> Iterator[int]:
    """Serve the pages of tests/support/calls over HTTPS on loopback, under any name; yield the port."""
    root = folder / "site"
    shutil.copytree(Path(__file__).parent / "calls", root)
    cv2.imwrite(str(root / "face.jpg"), portrait()[0:280, 90:370])
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Page, directory=str(root)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


class Browser:
    """A Chromium with the extension, for one test. `worker` is its service worker, `page` the first tab."""

    def __init__(self, playwright: Any, folder: Path, port: int, truefeed: str, *, public: bool = True) -> None:
        """Start it; `truefeed` is the server's address, `port` where the sites are, with public addresses or not."""
        write(folder / "extension")
        flags = [
            *FLAGS.split(),
            f"--disable-extensions-except={folder / 'extension'}",
            f"--load-extension={folder / 'extension'}",
            f"--host-resolver-rules=MAP *:443 127.0.0.1:{port}",
        ]
        if public:  # as the real ones are: what may not reach this machine from there must not here
            flags.append(f"--ip-address-space-overrides=127.0.0.1:{port}=public")
        self.context = playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            headless=False,
            args=flags,
            ignore_default_args=["--disable-extensions"],
            viewport={"width": 1280, "height": 760},
        )
        self.context.set_default_timeout(90_000)
        workers = self.context.service_workers
        self.worker = workers[0] if workers else self.context.wait_for_event("serviceworker")
        self.id = self.worker.url.split("/")[2]
        self.worker.evaluate("server => chrome.storage.local.set({server})", truefeed)
        self.page = self.context.pages[0]

    def panel(self, page: Any) -> Any:
        """Open the side panel of a tab, as a tab of its own."""
        page.bring_to_front()
        tab = self.worker.evaluate("chrome.tabs.query({active: true}).then(tabs => tabs[0].id)")
        panel = self.context.new_page()
        panel.goto(f"chrome-extension://{self.id}/panel/panel.html?tab={tab}")
        return panel

    def click(self, page: Any) -> None:
        """Press the extension's button in the toolbar."""
        page.bring_to_front()
        tools = self.context.browser.new_browser_cdp_session()
        wanted = {"filter": [{"type": "tab", "exclude": False}]}
        (tab,) = [t for t in tools.send("Target.getTargets", wanted)["targetInfos"] if t["url"] == page.url]
        tools.send("Extensions.triggerAction", {"id": self.id, "targetId": tab["targetId"]})
        tools.detach()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


def until(page: Any, script: str, timeout: float = 100) -> Any:
    """Wait until an expression is true in a page or a worker; return its value."""
    deadline = time.monotonic() + timeout
    while not (value := page.evaluate(script)):
        assert time.monotonic() < deadline, f"{script} is {value!r}"
        time.sleep(0.2)
    return value


@contextmanager
def playing() -> Iterator[Any]:
    """Yield Playwright."""
    with sync_api.sync_playwright() as playwright:
        yield playwright


@dataclass(frozen=True)
class Badge:
    """What lies over a picture: `tone` is real, uncertain, fake or nothing."""

    text: str
    tone: str
    left: float
    top: float


def badges(page: Any) -> list[Badge]:
    """Return what a page, or a frame in a process of its own, shows over its pictures; the page itself can't see it."""
    tools = page.context.new_cdp_session(page) if hasattr(page, "context") else page.page.context.new_cdp_session(page)
    try:
        root = tools.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]
        return [_badge(tools, node) for node in _nodes(root) if "badge" in _classes(node)]
    finally:
        tools.detach()


def badge(page: Any, beside: str, tone: str, timeout: float = 150) -> Badge:
    """Wait for a badge of this tone in the upper left corner of the element that a query names."""
    deadline = time.monotonic() + timeout
    page.wait_for_selector(beside, state="attached")
    while True:
        box = page.eval_on_selector(beside, "e => [e.getBoundingClientRect().left, e.getBoundingClientRect().top]")
        seen = badges(page)
        near = [b for b in seen if abs(b.left - box[0]) < 20 and abs(b.top - box[1]) < 20]
        if near and near[0].tone == tone:
            return near[0]
        assert time.monotonic() < deadline, f"{beside} at {box}: {seen}"
        time.sleep(0.3)


def pill(page: Any) -> tuple[float, float]:
    """Wait for what says that a page is watched; return where its button to stop is."""
    deadline = time.monotonic() + 60
    while True:
        tools = page.context.new_cdp_session(page)
        root = tools.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]
        found = [n for n in _nodes(root) if "pill" in _classes(n)]
        if found:
            button = next(n for n in _nodes(found[0]) if n["nodeName"] == "BUTTON")
            box = tools.send("DOM.getBoxModel", {"nodeId": button["nodeId"]})["model"]["border"]
            return (box[0] + box[4]) / 2, (box[1] + box[5]) / 2
        tools.detach()
        assert time.monotonic() < deadline, "nothing says that the page is watched"
        time.sleep(0.3)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in (*node.get("children", ()), *node.get("shadowRoots", ()), node.get("contentDocument")):
        if child:
            yield from _nodes(child)


def _classes(node: dict[str, Any]) -> list[str]:
    given = node.get("attributes", [])
    return str(dict(zip(given[::2], given[1::2], strict=False)).get("class", "")).split()


def _badge(tools: Any, node: dict[str, Any]) -> Badge:
    text = "".join(n["nodeValue"] for n in _nodes(node) if n["nodeType"] == 3)
    tone = next((c for c in _classes(node) if c in ("real", "uncertain", "fake")), "")
    try:
        box = tools.send("DOM.getBoxModel", {"nodeId": node["nodeId"]})["model"]["border"]
    except sync_api.Error:  # not shown
        return Badge(text, tone, -1, -1)
    return Badge(text, tone, box[0], box[1])
