"""What the web interface takes, with the shipped models: `python benchmarks/web.py [PART ...]`, all parts by default.

minute    a one-minute 720p clip with one face, handed in to the server as the page does: when the page first says that
          it is being judged, when how far, and when the result is there; the same again with the models loaded
pictures  a folder of pictures, by `truefeed scan`: pictures a second
page      size of all pages with their scripts, styles and words
idle      memory and CPU time of a server that nobody asks anything
live      four 360p RTSP streams, watched by the server for as long without a viewer and with a page that shows all of
          them: what looking costs
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
import psutil
from common import Camera, clip
from skimage import data
from truefeed.client import Client

PARTS = ("minute", "pictures", "page", "idle", "live")


class Served:
    """`truefeed serve` in a process of its own, with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start it; it is ready where `with` begins."""
        command = [sys.executable, "-m", "truefeed.stream", "serve", "--port", "0", "--data", str(folder)]
        self._process = subprocess.Popen([*command, "--allow-private"], stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Served:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            words = [word for word in line.replace(",", " ").split() if word.startswith("http://")]
            if words:
                self.url = words[0].rstrip("/")
                threading.Thread(target=self._process.stderr.read, daemon=True).start()
                return self
        raise SystemExit("truefeed serve did not start")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()

    def used(self) -> tuple[float, float]:
        """Return the CPU time so far, s, and the memory (proportional set size), MB, of the server with its workers."""
        server = psutil.Process(self._process.pid)
        seconds = memory = 0.0
        for process in (server, *server.children(recursive=True)):
            times = process.cpu_times()
            seconds += times.user + times.system
            memory += process.memory_full_info().pss / 1e6
        return seconds, memory


def minute(seconds: float) -> None:
    """Hand in a clip so long, twice."""
    with tempfile.TemporaryDirectory() as folder, Served(Path(folder) / "data") as server:
        media = clip(Path(folder) / "minute.mp4", width=1280, height=720, seconds=seconds, sound=True)
        with Client(server.url) as client:
            for models in ("to be loaded", "loaded"):
                began, cpu = time.monotonic(), server.used()[0]
                scan, signs = client.submit(media), dict.fromkeys(("running", "moving"), 0.0)
                while not scan.over:
                    time.sleep(0.05)
                    scan = client.scan(scan.id)
                    for sign, seen in (("running", scan.state == "running"), ("moving", scan.progress > 0)):
                        if seen and not signs[sign]:
                            signs[sign] = time.monotonic() - began
                wall, cpu = time.monotonic() - began, server.used()[0] - cpu
                print(
                    f"{seconds:g} s of 720p, models {models}: told to be judged after {signs['running']:.2f} s, "
                    f"progress after {signs['moving']:.2f} s, result after {wall:.1f} s ({cpu:.1f} CPU-s): "
                    f"{scan.status} {scan.fake_probability}"
                )


def pictures(count: int) -> None:
    """Scan so many pictures, each a little different, with one face."""
    portrait = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            image = np.roll(portrait, number % 40, axis=1)
            cv2.imwrite(f"{folder}/{number:04}.jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 80 + number % 15))
        began = time.monotonic()
        command = [sys.executable, "-m", "truefeed.stream", "scan", folder, "--json", "-q"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        wall = time.monotonic() - began
    judged = sum(json.loads(line)["fake_probability"] is not None for line in lines)
    print(f"{count} pictures of 512 px: {count / wall:.1f} a second, start included ({judged} with a probability)")


def page() -> None:
    """Add up what a browser can load."""
    folder = Path(__file__).parents[1] / "stream" / "web" / "pages"
    sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
    print(f"all pages with scripts, styles and words, not compressed: {sum(sizes) / 1000:.0f} kB in {len(sizes)} files")


def idle(seconds: float) -> None:
    """Leave a server alone."""
    with tempfile.TemporaryDirectory() as folder, Served(Path(folder)) as server:
        with Client(server.url) as client:
            list(client.history())
        time.sleep(5)
        before, _ = server.used()
        time.sleep(seconds)
        after, memory = server.used()
        print(f"idle for {seconds:g} s: {100 * (after - before) / seconds:.2f}% of a core, {memory:.0f} MB")


def live(seconds: float) -> None:
    """Watch four cameras, first unseen, then with somebody looking at all of them, then unseen again."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        media = clip(Path(folder) / "camera.mp4", width=640, height=360, seconds=10)
        cameras = [stack.enter_context(Camera(media, seconds=10)) for _ in range(4)]
        server = stack.enter_context(Served(Path(folder) / "data"))
        client = stack.enter_context(Client(server.url))
        keys = [client.watch(camera.url)["id"] for camera in cameras]
        time.sleep(10)
        shares, seen = [], [0]
        for looked_at in (False, True, False):
            stop = threading.Event()
            lookers = [threading.Thread(target=_look, args=(server.url, key, stop, seen)) for key in keys if looked_at]
            for looker in lookers:
                looker.start()
            before, _ = server.used()
            time.sleep(seconds)
            shares.append((server.used()[0] - before) / seconds)
            stop.set()
            for looker in lookers:
                looker.join()
    alone = (shares[0] + shares[2]) / 2
    print(
        f"four 360p streams: {alone:.2f} core unseen ({shares[0]:.2f}, {shares[2]:.2f}), {shares[1]:.2f} with a viewer "
        f"of all four ({seen[0] / seconds / 4:.1f} pictures a second each): {shares[1] - alone:+.2f}"
    )


def _look(url: str, key: str, stop: threading.Event, seen: list[int]) -> None:
    """Ask for one picture after the other, as the page does."""
    number = 0
    while not stop.is_set():
        with urllib.request.urlopen(f"{url}/api/v1/streams/{key}/picture?after={number}", timeout=20) as answer:
            if answer.status == 200:
                number = int(answer.headers["X-Number"])
                answer.read()
                seen[0] += 1


def main() -> None:
    """Run the parts that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of idling and of each way of watching")
    parser.add_argument("--length", type=float, default=60.0, help="of the clip, s")
    parser.add_argument("--pictures", type=int, default=500)
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    runs = {"minute": lambda: minute(args.length), "pictures": lambda: pictures(args.pictures), "page": page}
    runs |= {"idle": lambda: idle(args.seconds), "live": lambda: live(args.seconds)}
    for part in args.parts or PARTS:
        runs[part]()


if __name__ == "__main__":
    main()
