"""The web interface with its files judged on a cluster, which may be lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

pytest.importorskip("fastapi")

import httpx
import psutil
from media import write_clip
from ray_cluster import RayCluster
from web_server import small_models


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[RayCluster, httpx.Client]]:
    """Yield a cluster of one node and what speaks to a server that uses it."""
    models = small_models(tmp_path)
    words = [sys.executable, "-m", "truefeed.stream", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    words += ["--keep", "1", "--engine", "cpu", "--model", models["model"], "--voice-model", models["voice_model"]]
    with TemporaryDirectory(prefix="ray") as folder, RayCluster(Path(folder), nodes=1) as cluster:
        words += ["--cluster", cluster.address]
        with subprocess.Popen(words, env=os.environ | cluster.env, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            try:
                url = next(word for word in server.stderr.readline().split() if word.startswith("http"))
                with httpx.Client(base_url=url, timeout=60) as client:
                    yield cluster, client
            finally:
                server.terminate()


def submit(client: httpx.Client, file: Path) -> str:
    answer = client.post("/api/v1/scans", files={"file": (file.name, file.read_bytes())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait(client: httpx.Client, key: str) -> dict[str, Any]:
    """Wait until a job is over."""
    deadline = time.monotonic() + 240
    while True:
        told: dict[str, Any] = client.get(f"/api/v1/scans/{key}").json()
        if told["state"] in ("done", "failed"):
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.5)


def judging(cluster: RayCluster) -> list[psutil.Process]:
    return [p for p in cluster.children(0) if "truefeed.stream.web.worker" in " ".join(p.cmdline())]


def test_files_are_judged_there_and_none_is_lost_with_it(
    served: tuple[RayCluster, httpx.Client], tmp_path: Path
) -> None:
    cluster, client = served
    clip = write_clip(tmp_path / "clip.mp4", frames=30)
    first = wait(client, submit(client, clip))
    assert (first["state"], first["kind"], first["result"]["report"]["path"]) == ("done", "video", "clip.mp4")
    assert client.get(f"/api/v1/scans/{first['id']}/track").json()["moments"]
    assert client.get(first["poster"]).content.startswith(b"\xff\xd8")
    (process,) = judging(cluster)

    # The actor that holds the process is killed: the job is judged by another one.
    host = process.parent()
    assert host is not None
    key = submit(client, write_clip(tmp_path / "long.mp4", frames=500))
    while client.get(f"/api/v1/scans/{key}").json()["progress"] < 0.1:
        time.sleep(0.2)
    host.kill()
    assert wait(client, key)["state"] == "done"
    assert not process.is_running()

    # The whole cluster is gone: the job says so.
    cluster.close()
    lost = wait(client, submit(client, clip))
    assert lost["state"] == "failed"
    assert "no Ray head answers there" in lost["error"]
    assert "tried 3 times" in lost["error"]
