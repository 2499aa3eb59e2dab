"""One core of a cluster, and files that do harm to the process that judges them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest
from media import portrait
from models import write_models
from truefeed.stream.cluster.judge import ATTEMPTS, Judge, SetupError
from truefeed.stream.cluster.setup import setup
from truefeed.stream.scan.probe import Found
from truefeed.stream.scan.scanner import Job


class Server(BaseHTTPRequestHandler):
    """Of `/poison` whoever asks dies, `/slow` never ends, `/late` comes at the third attempt; all else is a picture."""

    asked: list[str]
    picture: bytes

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/poison"):
            (victim,) = (
                c.pid for c in psutil.net_connections("tcp4") if c.laddr.port == self.client_address[1] and c.pid
            )
            psutil.Process(victim).kill()
            return
        if self.path.startswith("/late") and self.asked.count(self.path) < 3:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.picture)))
        self.end_headers()
        self.wfile.write(self.picture[:100])
        if self.path.startswith("/slow"):
            self.wfile.flush()
            time.sleep(4)
        self.wfile.write(self.picture[100:])

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Server.asked, Server.picture = [], cv2.imencode(".png", portrait())[1].tobytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.handle_error = lambda request, client: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def row(address: str) -> dict[str, Any]:
    found = Found(Path("x"), True, shown=address, address=address, private=True)
    return json.loads(json.dumps({**asdict(found), "path": "x"}))  # type: ignore[no-any-return]


def test_a_harmful_file_ends_as_an_error_and_costs_no_other(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    job = Job("cpu", model=write_models(tmp_path))
    judge, hasty = Judge(setup(job, 120.0)), Judge(setup(job, 1.0))
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        good = judge.report(row(f"{root}/a.png"))
        assert good is not None
        assert good["fake_probability"] is not None, good

        poison = judge.report(row(f"{root}/poison.png"))
        assert poison is not None
        assert poison["status"] == "error"
        assert "more memory than allowed, or was ended" in poison["error"]
        assert Server.asked.count("/poison.png") == ATTEMPTS

        slow = hasty.report(row(f"{root}/slow.png"))
        assert slow is not None
        assert slow["error"] == f"{root}/slow.png: not judged within the 1 s allowed"
        assert Server.asked.count("/slow.png") == 1

        late = judge.report(row(f"{root}/late.png"))
        assert late == good | {"path": f"{root}/late.png"}
        again = [row(f"{root}/a.png"), row(f"{root}/b.png")]
        batch = {"number": [3, 7], "found": [json.dumps(one) for one in again]}
        answers = list(judge(batch))
        assert [a["number"] for a in answers] == [[3], [7]]
        assert [json.loads(a["report"][0])["fake_probability"] for a in answers] == [good["fake_probability"]] * 2
    finally:
        judge.close()
        hasty.close()


def test_models_that_a_node_cannot_load_are_no_fault_of_a_file(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no model")
    judge = Judge(setup(Job("cpu", model=model), 4.0))
    with pytest.raises(SetupError, match="a node of the cluster cannot load the models: "):
        judge.report(row("http://127.0.0.1:1/a.png"))
    judge.close()
