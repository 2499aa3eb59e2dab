"""Lines, posts, folders, figures and files: what leaves the program."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO, cast

import av
import cv2
import numpy as np
import pytest
from media import write_clip
from models import write_models
from prometheus_client.parser import text_string_to_metric_families
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.models import Models
from truefeed.stream.sinks.base import Sink, Sinks
from truefeed.stream.sinks.console import Console
from truefeed.stream.sinks.evidence import Evidence
from truefeed.stream.sinks.jsonl import JsonLines, dumps
from truefeed.stream.sinks.prometheus import Metrics
from truefeed.stream.sinks.queued import Queue, Queued, QueuedText
from truefeed.stream.sinks.text import clock
from truefeed.stream.sinks.video_file import VideoFile
from truefeed.stream.sinks.webhook import Webhook
from truefeed.stream.sources.capture import CaptureStats
from truefeed.stream.types import Alert, FaceVerdict, Frame, StateChange, Verdict

FACE = FaceVerdict(1, 0.0712345, "real", (), (10.2, 20.7, 110.0, 140.4))
VERDICT = Verdict("cam", 12.3999999, 0.0712345, "real", (), 0.03, (FACE,), 0.0412)
NOTHING = Verdict("cam", 2.0, None, "uncertain", ("no-face",), None, (), None)
UP = Alert("cam", True, "face 1", 0.93, 12.4)
DOWN = Alert("cam", False, "face 1", 0.05, 20.0)


def frame(t: float, width: int = 320, height: int = 180, level: int = 90) -> Frame:
    return Frame(np.full((height, width, 3), level, np.uint8), t, time.monotonic())


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Text that a person reads."""

    def isatty(self) -> bool:
        return True


# JSON lines


def test_json_lines_are_the_contract() -> None:
    out = io.StringIO()
    sink = JsonLines(out)
    sink.state("cam", StateChange("connecting"))
    sink.state("cam", StateChange("online"))
    sink.verdict(VERDICT, frame(12.4))
    sink.verdict(NOTHING, None)
    sink.alert(replace(UP, evidence="DIR/x"))
    sink.summary("cam", {"dropped": 2, "frames_read": 10, "seconds": 1.23456, "frames_scored": 8})
    assert out.getvalue().splitlines() == [
        '{"event":"stream","state":"online","source":"cam","detail":""}',
        '{"event":"verdict","source":"cam","t":12.4,"fake":0.0712,"status":"real","reasons":[],"voice":0.03,'
        '"faces":[{"id":1,"fake":0.0712,"box":[10,21,110,140]}],"latency_ms":41.2}',
        '{"event":"verdict","source":"cam","t":2.0,"fake":null,"status":"uncertain","reasons":["no-face"],'
        '"voice":null,"faces":[],"latency_ms":null}',
        '{"event":"alert","raised":true,"subject":"face 1","probability":0.93,"t":12.4,"evidence":"DIR/x",'
        '"source":"cam"}',
        '{"event":"summary","frames_read":10,"frames_scored":8,"dropped":2,"source":"cam","seconds":1.2346}',
    ]


def test_json_has_no_nan_and_takes_numpys_numbers() -> None:
    out = io.StringIO()
    odd = replace(VERDICT, fake=float("nan"), t=np.float64(1.5), voice=float(np.float32(0.5)), source="caf\u00e9\n")  # type: ignore[arg-type]
    JsonLines(out).verdict(odd, None)
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["fake"], event["t"], event["voice"], event["source"]) == (None, 1.5, 0.5, "caf\u00e9\n")
    assert dumps({"a": [float("inf"), {"b": float("nan")}]}) == '{"a":[null,{"b":null}]}'


def test_each_line_is_flushed() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as out, os.fdopen(read) as lines:
        JsonLines(out).alert(UP)
        assert json.loads(lines.readline())["raised"] is True


def test_a_reader_that_goes_away_is_a_quiet_end() -> None:
    code = (
        "import sys\n"
        "from truefeed.stream.sinks.jsonl import JsonLines\n"
        "from truefeed.stream.types import Alert\n"
        "sink = JsonLines(sys.stdout)\n"
        "for i in range(100000):\n"
        "    sink.alert(Alert('cam', True, 'face 1', 0.9, float(i)))\n"
        "    if sink.done: break\n"
        "sys.exit(0 if sink.done else 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(30) == 0


# The plain line


def test_a_line_a_second_and_alerts_at_once() -> None:
    out, now = io.StringIO(), Clock()
    sink = Console(out, clock=now)
    for i in range(50):
        now.now = 100 + i / 10
        sink.verdict(replace(VERDICT, t=i / 10), None)
    assert len(out.getvalue().splitlines()) == 5
    sink.alert(UP)
    sink.alert(DOWN)
    up, down = out.getvalue().splitlines()[5:]
    assert "ALERT" in up
    assert "face 1 looks fake" in up
    assert "93%" in up
    assert "face 1 no longer looks fake" in down
    assert "\x1b" not in out.getvalue()


def test_many_sources_share_the_lines() -> None:
    out, now = io.StringIO(), Clock()
    sink = Console(out, clock=now)
    for i in range(240):
        now.now = 100 + i / 10
        for number in range(4):
            sink.verdict(replace(VERDICT, source=f"cam{number}"), None)
    lines = out.getvalue().splitlines()
    assert len(lines) <= 25
    assert all(sum(f"cam{number}" in line for line in lines[4:]) >= 4 for number in range(1, 4))


def test_those_who_have_left_take_no_lines() -> None:
    out, now = io.StringIO(), Clock()
    sink = Console(out, clock=now)
    for number in range(20):
        sink.verdict(replace(VERDICT, source=f"guest{number}"), None)
        sink.summary(f"guest{number}", {})
    out.truncate(0)
    for i in range(50):
        now.now = 110 + i / 10
        sink.verdict(replace(VERDICT, t=i / 10), None)
    assert len(out.getvalue().splitlines()) == 5


def test_an_alert_that_ends_with_its_source_is_not_called_genuine() -> None:
    out = io.StringIO()
    Console(out).alert(replace(DOWN, detail="the source has ended"))
    assert "over: the source has ended" in out.getvalue()
    assert "no longer looks fake" not in out.getvalue()


def test_a_line_says_what_is_known_in_words() -> None:
    out = io.StringIO()
    sink = Console(out, every=0)
    sink.state("cam", StateChange("stalled", "no frame for 3.0 s"))
    sink.verdict(NOTHING, None)
    sink.verdict(replace(NOTHING, reasons=("face-too-small",), faces=(FACE,)), None)
    sink.summary("cam", {"frames_read": 10, "frames_scored": 8, "dropped": 0, "alerts": 1})
    stalled, nothing, small, done = out.getvalue().splitlines()
    assert stalled == "cam stalled: no frame for 3.0 s"
    assert "fake -" in nothing
    assert "no face" in nothing
    assert "0%" not in nothing
    assert "face too small" in small
    assert done == "cam: 10 frames read, 8 scored, 1 alert"


def test_colour_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def line() -> str:
        out = Terminal()
        Console(out).alert(UP)
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[31;1mALERT\x1b[0m" in line()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in line()


def test_clock() -> None:
    assert [clock(t) for t in (0, 62.34, 59.96, 3725.0, -1.5)] == [
        "00:00.0",
        "01:02.3",
        "01:00.0",
        "1:02:05.0",
        "-00:01.5",
    ]


# Several sinks


class Failing(Sink):
    """Fails as a full disk does."""

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        raise OSError(28, "No space left on device", "rtsp://user:secret@cam/x")


def test_a_sink_that_fails_is_told_once_and_left_out() -> None:
    out, errors = io.StringIO(), io.StringIO()
    sinks = Sinks([Failing(), JsonLines(out)], errors)
    for _ in range(3):
        sinks.verdict(VERDICT, None)
    sinks.close()
    assert len(out.getvalue().splitlines()) == 3
    assert errors.getvalue().count("\n") == 1
    assert "No space left" in errors.getvalue()
    assert "secret" not in errors.getvalue()


# The webhook


class Receiver:
    """A real HTTP server that answers as told and remembers what came."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.location = "/elsewhere"
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hold.wait(20)
                receiver.bodies.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
                receiver.paths.append(self.path)
                code = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(code)
                if 300 <= code < 400:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_the_webhook_posts_alerts_in_order(receiver: Receiver) -> None:
    hook = Webhook(receiver.url, io.StringIO())
    hook.alert(UP)
    hook.alert(DOWN)
    hook.close()
    hook.close()
    assert [body["raised"] for body in receiver.bodies] == [True, False]
    first = receiver.bodies[0]
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "event": "alert",
        "raised": True,
        "subject": "face 1",
        "probability": 0.93,
        "t": 12.4,
        "evidence": None,
        "source": "cam",
    }
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.headers[0]["X-Truefeed-Delivery"] != receiver.headers[1]["X-Truefeed-Delivery"]


@pytest.mark.parametrize("answers", [(500, 503), (429,), (408, 502)])
def test_the_webhook_tries_again(receiver: Receiver, answers: tuple[int, ...]) -> None:
    receiver.answers = list(answers)
    errors = io.StringIO()
    hook = Webhook(receiver.url, errors, first_pause=0.01)
    hook.alert(UP)
    wait_for(lambda: hook.delivered == 1)
    hook.close()
    assert len(receiver.bodies) == len(answers) + 1
    assert len({header["X-Truefeed-Delivery"] for header in receiver.headers}) == 1
    assert errors.getvalue() == ""


@pytest.mark.parametrize("code", [400, 401, 404, 410, 302, 307])
def test_the_webhook_does_not_insist(receiver: Receiver, code: int) -> None:
    receiver.answers = [code]
    errors = io.StringIO()
    hook = Webhook(receiver.url, errors, first_pause=0.01)
    hook.alert(UP)
    wait_for(lambda: hook.failed == 1)
    hook.alert(DOWN)
    wait_for(lambda: hook.delivered == 1)
    hook.close()
    assert [body["raised"] for body in receiver.bodies] == [True, False]
    assert f"HTTP {code}" in errors.getvalue()


def test_failures_are_told_once_and_without_secrets() -> None:
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        errors = io.StringIO()
        url = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}/hook?token=hidden"
        hook = Webhook(url, errors, first_pause=0.001)
        for _ in range(4):
            hook.alert(UP)
        wait_for(lambda: hook.failed == 4)
        hook.close()
    assert errors.getvalue().count("\n") == 2
    assert "4 alerts not delivered to http://***@127.0.0.1:" in errors.getvalue()
    assert "secret" not in errors.getvalue()
    assert "hidden" not in errors.getvalue()
    assert "127.0.0.1" in errors.getvalue()


def test_a_password_becomes_basic_authentication(receiver: Receiver) -> None:
    hook = Webhook(receiver.url.replace("//", "//user:p%40ss@"), io.StringIO())
    hook.alert(UP)
    hook.close()
    assert receiver.headers[0]["Authorization"] == "Basic dXNlcjpwQHNz"


def test_a_receiver_that_hangs_holds_up_neither_alerts_nor_the_end(receiver: Receiver) -> None:
    receiver.hold.clear()
    errors = io.StringIO()
    hook = Webhook(receiver.url, errors, closing=0.2)
    begin = time.monotonic()
    for _ in range(300):
        hook.alert(UP)
    assert time.monotonic() - begin < 2
    assert hook.failed >= 90  # bounded: the oldest are given up
    hook.close()
    assert time.monotonic() - begin < 4
    assert "300 alerts not delivered" in errors.getvalue()
    assert hook.failed == 300


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/Überwachung?wo=Tür&x=%20", "/%C3%9Cberwachung?wo=T%C3%BCr&x=%20"),
        ("/a b/%2F", "/a%20b/%2F"),
        ("/caf\udce9", "/caf%E9"),
    ],
)
def test_an_address_may_be_written_with_characters_that_http_has_to_encode(
    receiver: Receiver, written: str, sent: str
) -> None:
    hook = Webhook(receiver.url.replace("/hook", written), io.StringIO())
    hook.alert(UP)
    hook.close()
    assert (receiver.paths, hook.delivered, hook.failed) == ([sent], 1, 0)


def test_no_answer_ends_the_thread(receiver: Receiver) -> None:
    """Python's own reading of this answer raises ValueError, which no caller expects."""
    receiver.answers, receiver.location = [302], "http://[::1"
    errors = io.StringIO()
    hook = Webhook(receiver.url, errors)
    hook.alert(UP)
    hook.alert(DOWN)
    hook.close()
    assert [body["raised"] for body in receiver.bodies] == [True, False]
    assert (hook.delivered, hook.failed) == (1, 1)
    assert "ValueError; the watching goes on" in errors.getvalue()
    assert "1 alert not delivered" in errors.getvalue()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "file:///etc/passwd",
        "host/x",
        "http://",
        "http://host:port/",
        "",
        "http://hooks..example/x",
        "http://ho st/x",
        "http://" + "ü" * 70 + ".example/x",
    ],
)
def test_only_http_is_posted_to(url: str) -> None:
    with pytest.raises(ConfigError):
        Webhook(url, io.StringIO())


# Evidence


class Clip:
    """Holds a clip as a PacketRing does, or nothing, or fails."""

    def __init__(self, data: bytes | None = b"clip", error: OSError | None = None) -> None:
        self.data, self.error = data, error

    def held(self) -> Callable[[Path], Path | None]:
        return self._write

    def _write(self, path: Path) -> Path | None:
        if self.error is not None:
            raise self.error
        if self.data is None:
            return None
        path = path.with_suffix(".mkv")
        path.write_bytes(self.data)
        return path


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    (tmp_path / "models").mkdir()
    loaded = Models.load("cpu", face_model=write_models(tmp_path / "models"))
    yield loaded
    loaded.close()


def test_an_alert_has_its_evidence(tmp_path: Path, models: Models) -> None:
    folder = tmp_path / "kept"
    sink = Evidence(folder, "rtsp://***@cam/front", models, Clip(), {"raise_at": 0.9})
    for i in range(60):
        sink.verdict(replace(VERDICT, t=float(i)), frame(float(i)))
    told = sink.keep(replace(UP, source="rtsp://***@cam/front", t=59.0))
    assert told.evidence is not None
    kept = Path(told.evidence)
    assert [path.name for path in folder.iterdir()] == [kept.name]
    assert kept.name.endswith("-rtsp-cam-front-face-1")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    names = {path.name for path in kept.iterdir()}
    assert names == {"alert.json", "frame.png", "frame.jpg", "clip.mkv", "verdicts.jsonl", "manifest.json"}

    about = json.loads((kept / "alert.json").read_text())
    assert about["alert"]["evidence"] == told.evidence
    assert about["settings"] == {"raise_at": 0.9}
    assert [model["task"] for model in about["models"]][:2] == ["face", "face-window"]
    assert about["models"][0]["sha256"] == models.face.sha256
    assert about["models"][0]["engine"] == "cpu"
    assert about["models"][0]["thresholds"]["fake"] == 0.8
    assert about["software"]["name"] == "truefeed"

    manifest = json.loads((kept / "manifest.json").read_text())
    assert set(manifest) == names - {"manifest.json"}
    for name, said in manifest.items():
        data = (kept / name).read_bytes()
        assert said == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    times = [json.loads(line)["t"] for line in (kept / "verdicts.jsonl").read_text().splitlines()]
    assert times == [float(t) for t in range(29, 60)]
    assert (cv2.imread(str(kept / "frame.png")) == 90).all()
    drawn = cv2.imread(str(kept / "frame.jpg"))
    assert drawn is not None
    assert (np.abs(drawn.astype(int) - 90) > 40).mean() > 0.05


def test_a_second_alert_in_the_same_second_has_a_folder_of_its_own(tmp_path: Path) -> None:
    sink = Evidence(tmp_path, "cam")
    paths = {sink.keep(UP).evidence for _ in range(3)}
    assert len(paths) == len(list(tmp_path.iterdir())) == 3


def test_an_alert_of_a_voice_has_no_picture(tmp_path: Path) -> None:
    sink = Evidence(tmp_path, "mic", clips=Clip(None))
    sink.verdict(replace(NOTHING, fake=0.95, voice=0.95, status="fake"), None)
    told = sink.keep(replace(UP, subject="voice"))
    assert told.evidence is not None
    assert {path.name for path in Path(told.evidence).iterdir()} == {"alert.json", "verdicts.jsonl", "manifest.json"}


def test_a_cleared_alert_keeps_nothing(tmp_path: Path) -> None:
    assert Evidence(tmp_path, "cam").keep(DOWN).evidence is None
    assert list(tmp_path.iterdir()) == []


def test_evidence_is_whole_or_not_there(tmp_path: Path) -> None:
    errors, out = io.StringIO(), io.StringIO()
    sinks = Sinks([JsonLines(out), Evidence(tmp_path, "cam", clips=Clip(error=OSError(28, "No space left")))], errors)
    sinks.verdict(VERDICT, frame(12.4))
    sinks.alert(UP)
    assert list(tmp_path.iterdir()) == []
    assert "No space left" in errors.getvalue()
    assert json.loads(out.getvalue().splitlines()[-1])["evidence"] is None


def test_the_line_of_an_alert_names_its_folder(tmp_path: Path) -> None:
    out = io.StringIO()
    sinks = Sinks([JsonLines(out), Evidence(tmp_path, "cam")], io.StringIO())
    sinks.verdict(VERDICT, frame(12.4))
    sinks.alert(UP)
    path = json.loads(out.getvalue().splitlines()[-1])["evidence"]
    assert Path(path).is_dir()


def test_evidence_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="--evidence"):
        Evidence(tmp_path / "file", "cam")


# Writing beside the watching


class Gate:
    """A clip that is not written before the gate opens, as on a disk that sleeps."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.now = b"the seconds before"

    def held(self) -> Callable[[Path], Path | None]:
        seen = self.now

        def write(path: Path) -> Path | None:
            assert self.open.wait(30)
            path.write_bytes(seen)
            return path

        return write


def test_a_slow_disk_delays_no_verdict_and_no_alert(tmp_path: Path) -> None:
    out, errors, gate = io.StringIO(), io.StringIO(), Gate()
    queue = Queue("evidence folders", errors, limit=8)
    sinks = Sinks([JsonLines(out), Evidence(tmp_path, "cam", clips=gate, queue=queue)], errors)
    sinks.verdict(VERDICT, frame(12.4))
    sinks.alert(UP)
    gate.now = b"later"
    sinks.verdict(replace(VERDICT, t=13.0), frame(13.0, level=200))
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in told] == ["verdict", "alert", "verdict"]
    kept = Path(told[1]["evidence"])
    assert not kept.exists()
    gate.open.set()
    queue.close()
    assert (kept / "clip.mp4").read_bytes() == b"the seconds before"
    assert (cv2.imread(str(kept / "frame.png")) == 90).all()
    assert len((kept / "verdicts.jsonl").read_text().splitlines()) == 1
    assert (queue.failed, errors.getvalue()) == (0, "")


def test_alerts_that_a_disk_is_too_slow_for_are_counted_and_told(tmp_path: Path) -> None:
    errors, gate = io.StringIO(), Gate()
    queue = Queue("evidence folders", errors, limit=2, closing=0.1)
    queue.waits = False
    sink = Evidence(tmp_path, "cam", clips=gate, queue=queue)
    paths = [sink.keep(UP).evidence]
    while not any(tmp_path.iterdir()):  # the thread is at the first
        time.sleep(0.01)
    paths += [sink.keep(UP).evidence for _ in range(4)]
    assert [path is not None for path in paths] == [True, True, True, False, False]
    queue.close()
    gate.open.set()
    assert queue.failed == 5
    first, last = errors.getvalue().splitlines()
    assert "evidence folders: too slow" in first
    assert last == "truefeed: 5 of the evidence folders not written"


def test_an_error_of_the_disk_is_told_and_the_next_alert_tried(tmp_path: Path) -> None:
    errors = io.StringIO()
    queue = Queue("evidence folders", errors, limit=8)
    broken = Evidence(tmp_path, "cam", clips=Clip(error=OSError(28, "No space left")), queue=queue)
    assert broken.keep(UP).evidence is not None
    good = Evidence(tmp_path, "cam", clips=Clip(), queue=queue).keep(UP)
    queue.close()
    queue.close()
    assert good.evidence is not None
    assert [str(path) for path in tmp_path.iterdir()] == [good.evidence]
    assert queue.failed == 1
    assert errors.getvalue().count("No space left") == 1
    assert errors.getvalue().splitlines()[-1] == "truefeed: 1 of the evidence folders not written"


def test_a_reader_that_sleeps_delays_nothing_and_finds_all_alerts_in_order() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    errors = io.StringIO()
    with os.fdopen(read) as lines:
        with os.fdopen(write, "w") as out:
            sink = Queued(JsonLines(out), Queue("events", errors, limit=50))
            sink.queue.waits = False
            for number in range(500):
                sink.verdict(replace(VERDICT, t=float(number)), frame(0.0))
                if number % 100 == 0:
                    sink.alert(replace(UP, t=float(number)))
            sink.summary("cam", {})
            ending = threading.Thread(target=sink.close)
            ending.start()
            time.sleep(0.05)
            reader = threading.Thread(target=lambda: found.extend(lines))
            found: list[str] = []
            reader.start()
            ending.join()
        reader.join()
    events = [json.loads(line) for line in found]
    assert [e["t"] for e in events if e["event"] == "alert"] == [0, 100, 200, 300, 400]
    times = [e["t"] for e in events[:-1]]
    assert times == sorted(times)
    assert times[-1] == 499
    assert events[-1]["event"] == "summary"
    assert sink.failed == 506 - len(events) > 300
    assert errors.getvalue().splitlines()[-1] == f"truefeed: {sink.failed} of the events not written"


def test_a_file_waits_for_a_slow_reader() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    found: list[str] = []
    with os.fdopen(read) as lines:
        reader = threading.Thread(target=lambda: found.extend(lines))
        with os.fdopen(write, "w") as out:
            sink = Queued(JsonLines(out), Queue("events", io.StringIO(), limit=5))
            threading.Timer(0.2, reader.start).start()
            for number in range(200):
                sink.verdict(replace(VERDICT, t=float(number)), None)
            sink.close()
        reader.join()
    assert [json.loads(line)["t"] for line in found] == list(range(200))
    assert sink.failed == 0


def test_words_for_a_reader_that_sleeps_delay_nothing() -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    found: list[str] = []
    with os.fdopen(read) as lines:
        reader = threading.Thread(target=lambda: found.extend(lines))
        with os.fdopen(write, "w") as err:
            words = QueuedText(err, limit=50)
            words.queue.waits = False
            human = Console(cast(TextIO, words), every=0.0)
            for number in range(500):
                human.verdict(replace(VERDICT, t=float(number)), None)
            assert words.queue.failed > 0
            reader.start()
            words.close()
        reader.join()
    assert found[0].startswith("00:00.0")
    assert len(found) + words.queue.failed == 500


def test_words_that_nobody_reads_end_the_watching() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as err:
        words = QueuedText(err, limit=50)
        human = Console(cast(TextIO, words), every=0.0)
        while not human.done:
            human.verdict(VERDICT, None)
        words.close()


# Metrics


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    served = Metrics(0)
    yield served
    served.close()


def test_metrics_are_prometheus_text(metrics: Metrics) -> None:
    name = 'a "cam"\\x'
    counts = CaptureStats(120, 7, 0, 1, 0, 2, "online", 900.0, 640, 360, 30.0)
    metrics.follow(name, lambda: counts)
    metrics.state(name, StateChange("online"))
    for latency in (0.004, 0.041, 0.12, 9.0):
        metrics.verdict(replace(VERDICT, source=name, latency=latency), frame(1.0))
    metrics.alert(replace(UP, source=name))
    metrics.alert(replace(UP, source=name, subject="voice"))
    metrics.alert(replace(DOWN, source=name))
    code, text = get(metrics.port, "/metrics")
    assert code == 200
    label = 'source="a \\"cam\\"\\\\x"'
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values[f"truefeed_frames_read_total{{{label}}}"] == "120.0"
    assert values[f"truefeed_frames_dropped_total{{{label}}}"] == "7.0"
    assert values[f"truefeed_frames_scored_total{{{label}}}"] == "4.0"
    assert values[f"truefeed_reconnects_total{{{label}}}"] == "2.0"
    assert values[f'truefeed_alerts_total{{{label},subject="face"}}'] == "1.0"
    assert values[f"truefeed_alerts_standing{{{label}}}"] == "1.0"
    assert values[f'truefeed_stream_state{{{label},state="online"}}'] == "1.0"
    assert values[f'truefeed_stream_state{{{label},state="stalled"}}'] == "0.0"
    assert float(values[f"truefeed_frame_age_seconds{{{label}}}"]) >= 0
    name = "truefeed_verdict_latency_seconds"
    buckets = [float(value) for key, value in values.items() if key.startswith(f"{name}_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == float(values[f"{name}_count{{{label}}}"]) == 4
    assert values[f'{name}_bucket{{le="0.05",{label}}}'] == "2.0"
    assert float(values[f"{name}_sum{{{label}}}"]) == pytest.approx(9.165)
    typed = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed))


def test_metrics_are_read_by_the_clients_own_parser(metrics: Metrics) -> None:
    metrics.state("cam", StateChange("online"))
    metrics.verdict(VERDICT, frame(1.0))
    metrics.stats("cam", {"jitter_ms": 3.5, "pli": 2, "loss": None})
    metrics.verdict(replace(VERDICT, source="gone"), frame(1.0))
    metrics.forget("gone")
    families = {family.name: family for family in text_string_to_metric_families(get(metrics.port, "/metrics")[1])}
    assert {name: family.type for name, family in families.items()} == {
        "truefeed_frames_scored": "counter",
        "truefeed_alerts": "counter",
        "truefeed_alerts_standing": "gauge",
        "truefeed_fake_probability": "gauge",
        "truefeed_stream_state": "gauge",
        "truefeed_frame_age_seconds": "gauge",
        "truefeed_webrtc_jitter_ms": "gauge",
        "truefeed_webrtc_pli": "counter",
        "truefeed_verdict_latency_seconds": "histogram",
    }
    assert {sample.labels["source"] for family in families.values() for sample in family.samples} == {"cam"}
    request = urllib.request.Request(f"http://127.0.0.1:{metrics.port}/metrics")
    request.add_header("Accept", "application/openmetrics-text; version=1.0.0")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.read().endswith(b"# EOF\n")


def test_what_is_not_known_is_absent(metrics: Metrics) -> None:
    metrics.verdict(NOTHING, frame(1.0))
    text = get(metrics.port, "/metrics")[1]
    assert "truefeed_fake_probability{" not in text
    assert "nan" not in text.lower()


def test_health_and_readiness(metrics: Metrics) -> None:
    assert get(metrics.port, "/healthz") == (200, "ok\n")
    assert get(metrics.port, "/readyz")[0] == 503
    metrics.state("a", StateChange("online"))
    metrics.state("b", StateChange("connecting"))
    assert get(metrics.port, "/readyz")[0] == 503
    metrics.state("b", StateChange("ended"))
    code, text = get(metrics.port, "/readyz")
    assert (code, json.loads(text)) == (200, {"ready": True, "streams": {"a": "online", "b": "ended"}})
    assert get(metrics.port, "/anything")[0] == 404


def test_metrics_are_for_this_machine_only(metrics: Metrics) -> None:
    assert metrics._server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_told(metrics: Metrics) -> None:
    with pytest.raises(ConfigError, match=f"--metrics-port {metrics.port}"):
        Metrics(metrics.port)


# The overlay file


def stamps(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(picture.pts * picture.time_base) for picture in file.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_every_picture_is_at_its_media_time(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    sink = VideoFile(path, "cam", raise_at=0.9)
    times = [5.0, 5.04, 5.1, 5.11, 5.3, 5.34, 6.5, 6.54]
    for i, t in enumerate(times):
        if i % 2:
            sink.frame("cam", frame(t))
        else:
            sink.verdict(replace(VERDICT, t=t), frame(t))
    assert not path.exists()
    sink.close()
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == [path.name]
    assert stamps(path) == pytest.approx([t - 5 for t in times], abs=0.002)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (320, 180)


def test_colours_survive(tmp_path: Path) -> None:
    sink = VideoFile(tmp_path / "out.mp4", "cam")
    image = np.zeros((180, 320, 3), np.uint8)
    image[:] = (40, 120, 210)
    for i in range(5):
        sink.frame("cam", Frame(image, i / 25, 0.0))
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as file:
        last = list(file.decode(video=0))[-1].to_ndarray(format="bgr24")
    assert np.abs(last[60:120, 100:200].astype(int).mean((0, 1)) - (40, 120, 210)).max() < 6


@pytest.mark.parametrize(("width", "height"), [(321, 181), (1, 1), (17, 33)])
def test_odd_and_tiny_sizes_are_made_even(tmp_path: Path, width: int, height: int) -> None:
    sink = VideoFile(tmp_path / "out.mp4", "cam")
    for i in range(3):
        sink.frame("cam", frame(i / 25, width, height))
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as file:
        stream = file.streams.video[0]
        assert stream.width % 2 == stream.height % 2 == 0
        assert stream.width >= width
        assert sum(1 for _ in file.decode(video=0)) == 3


def test_a_change_of_size_is_fitted_into_the_first(tmp_path: Path) -> None:
    sink = VideoFile(tmp_path / "out.mp4", "cam")
    for i in range(5):
        sink.frame("cam", frame(i / 25, 320, 180, 200))
    for i in range(5, 10):
        sink.frame("cam", frame(i / 25, 180, 320, 200))
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as file:
        pictures = [picture.to_ndarray(format="bgr24") for picture in file.decode(video=0)]
    assert {picture.shape for picture in pictures} == {(180, 320, 3)}
    assert pictures[-1][90, 20].max() < 40  # black at the sides, the shape is kept
    assert pictures[-1][90, 160].min() > 150


def test_a_gap_is_shown_and_time_that_goes_back_goes_on(tmp_path: Path) -> None:
    sink = VideoFile(tmp_path / "out.mp4", "cam")
    sink.state("cam", StateChange("online"))
    for t in (10.0, 10.04, 10.08):
        sink.frame("cam", frame(t, level=200))
    sink.state("cam", StateChange("stalled", "no frame for 3.0 s"))
    sink.state("cam", StateChange("retrying"))
    sink.state("cam", StateChange("online"))
    for t in (15.0, 15.04, 15.02, 15.04):  # two that are late
        sink.frame("cam", frame(t, level=200))
    for t in (0.0, 0.04):  # the time stamps start anew
        sink.frame("cam", frame(t, level=200))
    sink.close()
    times = stamps(tmp_path / "out.mp4")
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 5.0, 5.04, 5.08, 5.12], abs=0.002)
    assert all(a < b for a, b in pairwise(times))
    with av.open(str(tmp_path / "out.mp4")) as file:
        levels = [picture.to_ndarray(format="gray")[60, 40] for picture in file.decode(video=0)]
    assert levels[3] < 150 < levels[2]


def test_no_picture_makes_no_file(tmp_path: Path) -> None:
    err = io.StringIO()
    sink = VideoFile(tmp_path / "out.mp4", "cam", err=err)
    sink.close()
    sink.close()
    assert err.getvalue() == f"truefeed: {tmp_path / 'out.mp4'} was not written: cam gave no picture\n"
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"older")
    sink = VideoFile(path, "cam")
    sink.frame("cam", frame(0.0))
    assert path.read_bytes() == b"older"
    sink.close()
    assert stamps(path) == [0.0]


@pytest.mark.parametrize("name", ["out.txt", "out", "none/out.mp4"])
def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="--overlay"):
        VideoFile(tmp_path / name, "cam")


def test_an_interrupted_watch_leaves_a_file_that_plays(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=250)
    (tmp_path / "models").mkdir()
    model = write_models(tmp_path / "models")
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "seen.mp4"
    words = ["watch", str(clip), "--model", str(model), "--overlay", str(path), "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "truefeed.stream", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        while json.loads(child.stdout.readline())["event"] != "verdict":
            pass
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "")
    assert json.loads(rest.splitlines()[-1])["event"] == "summary"
    assert [file.name for file in path.parent.iterdir()] == ["seen.mp4"]
    assert 0 < len(stamps(path)) < 250
