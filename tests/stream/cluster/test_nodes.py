"""Two nodes of a real cluster, and what becomes of a scan when parts of it are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import psutil
import pytest
from media import portrait, write_clip
from models import named_models
from ray_cluster import RayCluster

SCAN = [sys.executable, "-m", "truefeed.stream", "scan"]
COUNT = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with TemporaryDirectory(prefix="ray") as folder, RayCluster(Path(folder)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return named_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures, each of its own size, clips and a broken file."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(COUNT // 2):
        side = 300 + 4 * number
        cv2.imwrite(str(folder / f"{number:03}.jpg"), cv2.resize(portrait(), (side, side)))
    clip = write_clip(folder / "clip.mp4", frames=60)
    for number in range(COUNT // 2 - 2):
        shutil.copyfile(clip, folder / f"clip{number:03}.mp4")
    (folder / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    return folder


@pytest.fixture(scope="module")
def expected(archive: Path, models: list[str]) -> list[str]:
    """Return the lines of a plain scan."""
    words = [*SCAN, str(archive), "--json", *models]
    found = sorted(subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines())
    assert len(found) == COUNT
    return found


def start(cluster: RayCluster, archive: Path, models: list[str], kept: Path, *more: str) -> subprocess.Popen[str]:
    words = [*SCAN, str(archive), "--json", *models, "--cluster", cluster.address, "--resume", str(kept), *more]
    env = os.environ | cluster.env
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def lines(running: subprocess.Popen[str], count: int) -> None:
    """Wait for so many results."""
    assert running.stdout is not None
    for _ in range(count):
        assert json.loads(running.stdout.readline())


def _until_both_judge(cluster: RayCluster) -> None:
    """Wait until files are judged on the second node, too.

    Meanwhile the first one is held: it may be faster than the start of the other, and done before.
    """
    deadline, held = time.monotonic() + 120, _judging(cluster, 0)
    for process in held:
        process.suspend()
    try:
        while not _judging(cluster, 1):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        for process in held:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _judging(cluster: RayCluster, number: int) -> list[psutil.Process]:
    """Return the processes of a node that judge files."""
    return [p for p in cluster.children(number) if "truefeed.stream.scan.worker" in " ".join(_words(p))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_a_driver_that_is_killed_goes_on_where_it_was(
    cluster: RayCluster, archive: Path, models: list[str], expected: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "results.jsonl"
    with start(cluster, archive, models, kept) as running:
        lines(running, 3)
        running.send_signal(signal.SIGKILL)
    before = kept.read_bytes().count(b"\n")
    assert 3 <= before < COUNT
    with start(cluster, archive, models, kept) as running:
        out, err = running.communicate(timeout=300)
    assert running.returncode == 1, err  # one file is broken
    assert "truefeed: 2 nodes, 2 cores" in err
    assert len(out.splitlines()) == COUNT - before
    assert sorted(kept.read_text().splitlines()) == expected


def test_a_process_that_is_killed_costs_no_file(
    cluster: RayCluster, archive: Path, models: list[str], expected: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "results.jsonl"
    with start(cluster, archive, models, kept) as running:
        lines(running, 5)
        _until_both_judge(cluster)
        for number, process in enumerate(cluster.processes):
            name = ("truefeed.stream.scan.worker", "ray::MapWorker")[number]
            for one in psutil.Process(process.pid).children(recursive=True):
                if name in " ".join(_words(one)):
                    one.kill()
        _, err = running.communicate(timeout=300)
    assert running.returncode == 1, err
    assert sorted(kept.read_text().splitlines()) == expected


def test_of_a_node_that_is_killed_nothing_is_lost_or_doubled(
    cluster: RayCluster, archive: Path, models: list[str], expected: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "results.jsonl"
    with start(cluster, archive, models, kept) as running:
        lines(running, 5)
        _until_both_judge(cluster)
        assert kept.read_bytes().count(b"\n") < COUNT - 5
        cluster.kill(1)
        _, err = running.communicate(timeout=300)
    assert running.returncode == 1, err
    assert sorted(kept.read_text().splitlines()) == expected
