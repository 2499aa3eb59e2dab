"""Files through the server: every kind, and what becomes of them."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

import cv2
import numpy as np
import soundfile
from clips import moving_face, write_video
from media import portrait
from voices import voiced
from web_server import Web, small_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return small_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, models: dict[str, Any]) -> Iterator[Web]:
    with Web(tmp_path_factory.mktemp("data"), models) as web:
        yield web


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    return write_video(folder / "clip.mp4", moving_face(3, fps=12, size=(320, 240)), fps=12, tone=300)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("picture") / "face.jpg"
    cv2.imwrite(str(file), portrait())
    return file


def workers() -> list[int]:
    """Return the processes that judge, started by this one."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        children = task / "children"
        for pid in children.read_text().split() if children.exists() else []:
            if b"truefeed.stream.web.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def test_a_video_is_judged_and_can_be_played_with_its_boxes(web: Web, clip: Path) -> None:
    scan = web.judged(clip)
    assert (scan["state"], scan["kind"], scan["status"]) == ("done", "video", scan["result"]["report"]["status"])
    assert scan["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert scan["result"]["report"]["path"] == "clip.mp4"
    assert scan["result"]["words"]["headline"][0].startswith("verdict.")
    track = web.ask("GET", f"/api/v1/scans/{scan['id']}/track").json
    assert (track["width"], track["height"]) == (320, 240)
    faces = [face for _, faces in track["moments"] for face in faces]
    assert len(faces) > 10
    assert all(0 <= face[2] < face[4] <= 320 and 0 <= face[3] < face[5] <= 240 for face in faces)
    assert track["peaks"]
    part = web.ask("GET", f"/api/v1/scans/{scan['id']}/media", headers={"Range": "bytes=0-9"})
    assert (part.status, part.body) == (206, clip.read_bytes()[:10])
    assert part.headers["content-disposition"] == "attachment"


def test_a_picture_has_its_boxes_and_a_heat_map(web: Web, picture: Path) -> None:
    scan = web.judged(picture)
    assert (scan["kind"], len(scan["result"]["report"]["faces"])) == ("image", 1)
    track = web.ask("GET", f"/api/v1/scans/{scan['id']}/track").json
    assert [box[0] for box in track["boxes"]] == [1]
    heat = scan["result"]["pictures"]["heat"]["1"]
    for name in (heat, "poster.jpg"):
        answer = web.ask("GET", f"/api/v1/scans/{scan['id']}/pictures/{name}")
        assert answer.status == 200
        assert cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR) is not None
    assert scan["poster"].endswith("poster.jpg")


def test_a_voice_has_a_waveform_and_scores(web: Web, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "voice.wav", voiced(120, 6.0, 1), 16000)
    scan = web.judged(tmp_path / "voice.wav")
    assert scan["kind"] == "audio"
    assert scan["voice_probability"] is not None
    track = web.ask("GET", f"/api/v1/scans/{scan['id']}/track").json
    assert max(track["peaks"]) > 0.05
    assert any(fake is not None for _, fake, _, _ in track["voice"])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.mp4", b""),
        ("text.mp4", b"#!/bin/sh\nrm -rf /\n"),
        ("cut.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 200),
        ("noise.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
        ("zeros.avi", b"RIFF" + bytes(4) + b"AVI LIST" + bytes(500)),
        ("list.m3u8", b"#EXTM3U\nfile:///etc/passwd\n"),
        ("concat.txt", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    ],
)
def test_what_is_no_media_ends_as_an_error_of_its_job(web: Web, name: str, data: bytes) -> None:
    scan = web.judged(data, name)
    assert (scan["state"], scan["status"], scan["result"]["report"]["path"]) == ("failed", "error", name)
    assert scan["error"].startswith(name)
    assert str(web.data) not in json.dumps(scan)


def test_cut_and_overwritten_clips_never_end_the_worker(web: Web, clip: Path) -> None:
    whole = clip.read_bytes()
    before = web.server.services.runners[0].restarts
    for number in range(12):
        at = len(whole) * number // 12
        hostile = whole[:at] + os.urandom(400) + whole[at + 400 :] if number % 2 else whole[: at + 40]
        assert web.judged(hostile, f"bad{number}.mp4")["state"] in ("done", "failed")
    assert web.server.services.runners[0].restarts == before


def test_a_picture_of_a_billion_pixels_is_refused(web: Web) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 22))) + chunk(b"IEND", b"")
    assert web.judged(bomb, "bomb.png")["state"] == "failed"


def test_the_same_key_gets_the_same_job(web: Web, picture: Path) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (web.submit(picture, **key) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    assert web.submit(b"other", "other.jpg", **key).status == 422


def test_history_is_searched_filtered_and_paged(web: Web, picture: Path) -> None:
    ids = [web.judged(picture, f"page {number} 100%_.jpg")["id"] for number in range(3)]
    page = web.ask("GET", "/api/v1/scans?q=100%25_&limit=2&kind=image").json
    assert ([scan["id"] for scan in page["items"]], page["total"]) == (ids[:0:-1], 3)
    rest = web.ask("GET", f"/api/v1/scans?q=100%25_&limit=2&cursor={page['next']}").json
    assert ([scan["id"] for scan in rest["items"]], rest["next"]) == (ids[:1], None)
    assert web.ask("GET", "/api/v1/scans?q=100%25_&kind=audio").json["items"] == []
    assert web.ask("GET", "/api/v1/scans?status=error&limit=1").json["items"][0]["status"] == "error"


def test_deleting_deletes(web: Web, picture: Path) -> None:
    scan = web.judged(picture)
    folder = web.data / "scans" / scan["id"]
    assert folder.is_dir()
    assert web.ask("DELETE", f"/api/v1/scans/{scan['id']}").status == 204
    assert not folder.exists()
    for path in ("", "/media", "/track", "/report.html", "/pictures/poster.jpg"):
        assert web.ask("GET", f"/api/v1/scans/{scan['id']}{path}").status == 404
    assert scan["id"] not in web.ask("GET", "/api/v1/scans?limit=100").body.decode()


def test_media_are_kept_no_longer_than_asked(web: Web, picture: Path) -> None:
    scan = web.judged(picture)
    media = web.data / "scans" / scan["id"] / "media.jpg"
    assert (media.is_file(), scan["has_media"]) == (True, True)
    assert web.ask("PATCH", f"/api/v1/scans/{scan['id']}", {"keep_days": 0}).json["has_media"] is False
    assert not media.exists()
    assert web.ask("GET", f"/api/v1/scans/{scan['id']}/media").status == 404
    assert web.ask("GET", f"/api/v1/scans/{scan['id']}").json["result"]["report"]["kind"] == "image"


def test_downloads_need_nothing_else_and_carry_their_hashes(web: Web, picture: Path) -> None:
    name = '<img src=x onerror=alert(1)>".jpg'
    scan = web.judged(picture, name)
    page = web.ask("GET", f"/api/v1/scans/{scan['id']}/report.html")
    text = page.body.decode()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert "data:image/png;base64," in text
    assert "http" not in text.replace("&quot;", "")
    assert page.headers["content-disposition"].startswith("attachment")
    bundle = zipfile.ZipFile(io.BytesIO(web.ask("GET", f"/api/v1/scans/{scan['id']}/evidence.zip").body))
    manifest = json.loads(bundle.read("manifest.json"))
    assert set(manifest["files"]) == set(bundle.namelist()) - {"manifest.json"}
    assert {"report.html", "result.json", "track.json", "media.jpg"} <= set(manifest["files"])
    for file, about in manifest["files"].items():
        assert hashlib.sha256(bundle.read(file)).hexdigest() == about["sha256"]
    assert manifest["subject"]["sha256"] == scan["sha256"]
    deadline = time.monotonic() + 10  # the server deletes it once it has sent it
    while list((web.data / "scans" / scan["id"]).glob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_upload_goes_on_where_it_stopped(web: Web, clip: Path) -> None:
    whole = clip.read_bytes()
    upload = web.ask("POST", "/api/v1/uploads", {"name": "clip.mp4", "size": len(whole)}).json
    path, half = f"/api/v1/uploads/{upload['id']}", len(whole) // 2
    # A client that says it sends half of it, and goes away before.
    with socket.create_connection(("localhost", web.server.port)) as gone:
        head = f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nUpload-Offset: 0\r\nContent-Length: {half}\r\n\r\n"
        gone.sendall(head.encode() + whole[: half // 2])
        web.until(lambda: web.ask("GET", path).json["offset"] == half // 2)
    assert web.ask("PATCH", path, whole[:10], {"Upload-Offset": "0"}).status == 409
    at = {"Upload-Offset": str(half // 2)}
    assert web.ask("PATCH", path, whole + b"more", at).status == 413
    told = web.ask("GET", path).json
    rest = web.ask("PATCH", path, whole[told["offset"] :], {"Upload-Offset": str(told["offset"])}).json
    assert rest["offset"] == len(whole)
    assert web.wait(rest["scan"])["sha256"] == hashlib.sha256(whole).hexdigest()
    assert web.ask("PATCH", path, b"", {"Upload-Offset": str(len(whole))}).json["scan"] == rest["scan"]


def test_progress_is_told_as_it_happens(web: Web, clip: Path) -> None:
    key = web.submit(clip).json["id"]
    connection = http.client.HTTPConnection("localhost", web.server.port, timeout=60)
    connection.request("GET", f"/api/v1/scans/{key}/events")
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    states = []
    while not states or states[-1]["state"] not in ("done", "failed"):
        line = answer.readline()
        if line.startswith(b"data: "):
            states.append(json.loads(line[6:]))
    connection.close()
    shares = [event["progress"] for event in states if event["state"] == "running"]
    assert shares == sorted(shares)
    assert states[-1]["state"] == "done"


def test_twenty_at_once(web: Web, picture: Path) -> None:
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: keys.append(web.submit(picture, f"{n}.jpg").json["id"])) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 20
    assert [web.wait(key)["state"] for key in keys] == ["done"] * 20


def test_a_worker_that_is_killed_costs_only_its_job(web: Web, picture: Path, tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", moving_face(20, fps=15, size=(320, 240)), fps=15)
    key = web.submit(long).json["id"]
    web.until(lambda: web.ask("GET", f"/api/v1/scans/{key}").json["stage"] == "frames")
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    assert "more memory than allowed, or was ended" in web.wait(key)["error"]
    assert web.judged(picture)["state"] == "done"


def test_a_job_goes_on_after_the_server_was_ended(models: dict[str, Any], tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", moving_face(12, fps=15, size=(320, 240)), fps=15)
    data = tmp_path / "data"
    with Web(data, models) as first:
        keys = [first.submit(long).json["id"] for _ in range(2)]
        first.until(lambda: first.ask("GET", f"/api/v1/scans/{keys[0]}").json["stage"] == "frames")
    with Web(data, models) as second:
        assert [second.wait(key)["state"] for key in keys] == ["done", "done"]


def test_every_error_is_a_problem(web: Web) -> None:
    for method, path, body, status in (
        ("GET", "/api/v1/scans/none", None, 404),
        ("GET", "/api/v1/nothing", None, 404),
        ("PUT", "/api/v1/scans", None, 405),
        ("POST", "/api/v1/scans", b"x", 415),
        ("POST", "/api/v1/scans", {"url": "ftp://example.org/a"}, 422),
        ("POST", "/api/v1/scans", {"nothing": 1}, 422),
        ("GET", "/api/v1/scans?limit=5000", None, 422),
        ("GET", "/api/v1/scans?cursor=x", None, 422),
    ):
        answer = web.ask(method, path, body)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert {"type", "title", "status", "detail"} <= answer.json.keys()


def test_the_document_describes_it(web: Web) -> None:
    document = web.ask("GET", "/api/v1/openapi.json").json
    assert {"/api/v1/scans", "/api/v1/scans/{key}", "/api/v1/streams", "/api/v1/alerts"} <= document["paths"].keys()
    assert "Problem" in document["components"]["schemas"]
    figures = web.ask("GET", "/metrics").body.decode()
    assert 'truefeed_scans{state="done"}' in figures
    assert (web.ask("GET", "/healthz").status, web.ask("GET", "/readyz").status) == (200, 200)


def test_no_name_leads_out_of_the_folder(web: Web, picture: Path) -> None:
    scan = web.judged(picture, "../../../../etc/passwd.jpg")
    assert scan["name"] == "passwd.jpg"
    for name in ("..%2f..%2ftruefeed.sqlite", "media.jpg", "result.json", "%2e%2e/track.json"):
        assert web.ask("GET", f"/api/v1/scans/{scan['id']}/pictures/{name}").status == 404
    for path in ("/assets/../app.py", "/assets/..%2fapp.py", "/assets/%2e%2e%2fapp.py"):
        assert web.ask("GET", path).status == 404
