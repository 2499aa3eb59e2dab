"""The Python client, and the commands of the docs, against a real server."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import cv2
from media import portrait
from truefeed.client import AsyncClient, Client, ServerError
from web_server import Web, small_models

DOCS = Path(__file__).parents[2] / "docs" / "web.md"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    models = small_models(tmp_path_factory.mktemp("models"))
    with Web(tmp_path_factory.mktemp("data"), models) as web:
        yield web


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("picture") / "face.jpg"
    cv2.imwrite(str(file), portrait())
    return file


def test_a_file_is_judged(web: Web, picture: Path, tmp_path: Path) -> None:
    with Client(web.root) as client:
        first = client.submit(picture, key="mine")
        assert client.submit(picture, key="mine").id == first.id
        scan = client.wait(first.id, 120)
        assert (scan.state, scan.name, scan.raw["kind"]) == ("done", "face.jpg", "image")
        assert scan.id in {one.id for one in client.history(kind="image")}
        assert client.download(scan.id, "evidence.zip", tmp_path / "e.zip").stat().st_size > 1000
        client.delete(scan.id)
        with pytest.raises(ServerError) as refused:
            client.scan(scan.id)
        assert (refused.value.status, refused.value.kind) == (404, "not-found")


def test_it_can_be_awaited(web: Web, picture: Path, tmp_path: Path) -> None:
    async def judge() -> None:
        async with AsyncClient(web.root) as client:
            scan = await client.judge(picture, 120)
            assert scan.over
            assert scan.id in [one.id async for one in client.history()]
            with pytest.raises(ServerError, match="begins with"):
                await client.submit_url("ftp://example.org/x.mp4")
            report = await client.download(scan.id, "report.html", tmp_path / "r.html")
            assert report.read_text().startswith("<!doctype html>")
            with pytest.raises(ServerError):
                await client.download(scan.id, "nothing", tmp_path / "n")
            await client.delete(scan.id)

    asyncio.run(judge())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl")
def test_the_commands_of_the_docs_do_what_they_say(web: Web, picture: Path, tmp_path: Path) -> None:
    commands = [c for block in re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL) for c in block.splitlines()]
    assert len(commands) > 10
    shutil.copy(picture, tmp_path / "clip.mp4")
    (tmp_path / "piece").write_bytes(b"\0" * 1024)
    ids = {"scans": "", "uploads": ""}
    for command in commands:
        told = command.replace("http://localhost:5000", web.root)
        for noun, key in ids.items():
            told = told.replace(f"/{noun}/ID", f"/{noun}/{key}")
        done = subprocess.run(
            ["bash", "-c", told.replace("curl -s", "curl -sS -w '\\n%{http_code}'", 1)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        assert status.startswith("2"), (told, done.stdout, done.stderr)
        if "-F file=" in command:
            ids["scans"] = json.loads(body)["id"]
            web.wait(ids["scans"])
        elif command.endswith("/api/v1/uploads"):
            ids["uploads"] = json.loads(body)["id"]
    assert (tmp_path / "evidence.zip").read_bytes().startswith(b"PK")
