"""Files a second on a Ray cluster beside the plain process pool: python benchmarks/cluster.py [--files 60] [--rounds 2]

Each round scans the same files with one process, with two, on one node and on two nodes of one core each, one after
the other, so that whatever else the machine does meets all of them. A rate counts from the first result to the last:
starting Ray and loading the models is told apart. CPU time is that of the plain scan less that of a scan of one file.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import cv2
from common import ROOT, clip, table
from skimage import data

_DAY = 86400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60, help="of each kind (default 60; films: a tenth)")
    parser.add_argument("--rounds", type=int, default=2, help="how often (default 2)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray") as name, ExitStack() as stack:
        folder = Path(name)
        kinds = {"pictures, 512 px, one face": _pictures(folder / "pictures", args.files)}
        kinds["films, 360p, 10 s, one face"] = _films(folder / "films", max(4, args.files // 10))
        ray_cluster = _support("ray_cluster")
        clusters = []
        for nodes in (1, 2):
            place = folder / f"n{nodes}"
            place.mkdir()
            clusters.append(stack.enter_context(ray_cluster.RayCluster(place, nodes)))
        for kind, files in kinds.items():
            measure(kind, files, clusters, args.rounds)


def measure(kind: str, files: Path, clusters: list[Any], rounds: int) -> None:
    ways = {"plain, 1 process": ["--jobs", "1"], "plain, 2 processes": ["--jobs", "2"]}
    for cluster in clusters:
        ways[f"cluster, {cluster.nodes} node{'s' * (cluster.nodes > 1)} of 1 core"] = ["--cluster", cluster.address]
    rates: dict[str, list[float]] = {way: [] for way in ways}
    firsts: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, words in ways.items():
            env = next((c.env for c in clusters if c.address in words), {})
            rate, first = _scan([*words, str(files)], env)
            rates[way].append(rate)
            firsts[way].append(first)
    base = median(rates["plain, 1 process"])
    rows = [(way, median(rates[way]), median(rates[way]) / base, median(firsts[way])) for way in ways]
    count = len(list(files.iterdir()))
    table(f"{count} {kind}", rows, ("", "files a second", "ratio", "first result, s"))
    one = next(iter(files.iterdir()))
    cpu = (_cpu(str(files)) - _cpu(str(one))) / (count - 1)
    print(f"CPU time of a file: {cpu:.2f} s, or {_DAY / cpu:,.0f} files a day and core\n")


def _scan(words: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Return files a second from the first result to the last, and when the first one came, s."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "truefeed.stream", "scan", "--json", "-q", "--engine", "cpu", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | env) as running:
        assert running.stdout is not None
        times = [time.monotonic() - begin for _ in running.stdout]
    return (len(times) - 1) / max(times[-1] - times[0], 1e-9), times[0]


def _cpu(path: str) -> float:
    """Return the CPU time of a plain scan, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "truefeed.stream", "scan", "--json", "-q", "--engine", "cpu", path]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    portrait = data.astronaut()[..., ::-1]
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(portrait, (512 - number % 7, 512 - number % 7)))
    return folder


def _films(folder: Path, count: int) -> Path:
    folder.mkdir()
    first = clip(folder / "0.mp4", width=640, height=360, seconds=10.0)
    for number in range(1, count):
        shutil.copyfile(first, folder / f"{number}.mp4")
    return folder


def _support(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "support" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
