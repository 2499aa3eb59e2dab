"""No secret of an address, and nothing that can't be encoded, leaves the program by any way out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truefeed.stream.open import open_source
from truefeed.stream.redaction import HIDDEN, displayable, public_host, public_name, public_server, redact
from truefeed.stream.sinks.console import Console
from truefeed.stream.sinks.evidence import Evidence
from truefeed.stream.sinks.jsonl import JsonLines, dumps
from truefeed.stream.sinks.overlay import Overlay
from truefeed.stream.sinks.prometheus import Metrics
from truefeed.stream.sinks.webhook import Webhook
from truefeed.stream.sources import SourceOptions
from truefeed.stream.types import Alert, Frame, StateChange, Verdict

MARKS = ("geheim", "s3cr3t", "Pa55wd")
"Every generated secret is made of these and of characters that addresses give a meaning to."
JOINTS = [*"@/?#:%&=+ ;,'\"[]\\$!~ü<>|", "://", "%40", "..", "@@", " @"]
HOSTS = ["127.0.0.1:9", "cam.example.org", "host", "[::1]:8554", "10.0.0.5"]

secrets = st.lists(st.tuples(st.sampled_from(JOINTS), st.sampled_from(MARKS)), min_size=1, max_size=3).map(
    lambda parts: MARKS[0] + "".join(joint + mark for joint, mark in parts)
)
plain = st.sampled_from([*MARKS, "-".join(MARKS), "_".join(MARKS)])
schemes = st.sampled_from(["rtsp", "RTSP", "rtsps", "http", "https", "rtmp", "srt", "whep+https", "livekit+wss", "ftp"])
users = st.sampled_from(["admin", "user.name", "me%40home", "root"])


@st.composite
def with_password(draw: st.DrawFn) -> str:
    path = draw(st.sampled_from(["", "/", "/live", "/Streaming/Channels/101", "/a b.mp4", "/live?channel=1"]))
    return f"{draw(schemes)}://{draw(users)}:{draw(secrets)}@{draw(st.sampled_from(HOSTS))}{path}"


@st.composite
def with_secret_in_path(draw: st.DrawFn) -> str:
    secret = draw(plain)
    path = draw(
        st.sampled_from(
            [
                "/user=admin_password={}_channel=1_stream=0.sdp",
                "/user={}&password={}&channel=1",
                "/services/T024BE7LD/B024BE7LD/{}",
                "/api/webhooks/712345678901234567/{}",
                "/webhookb2/{}@0a1b2c3d/IncomingWebhook/{}/x",
                "/bot123456:{}/sendMessage",
                "/hooks/{}",
                "/live/token/{}/index.m3u8",
            ]
        )
    )
    return f"{draw(schemes)}://{draw(st.sampled_from(HOSTS))}{path.replace('{}', secret)}"


@st.composite
def with_secret_in_query(draw: st.DrawFn) -> str:
    keys = ["token", "psw", "pass", "sig", "X-Amz-Signature", "passphrase", "pwd", "apikey", "auth", "k", "streamid"]
    pairs = [f"{key}={quote(draw(secrets), safe='')}" for key in draw(st.lists(st.sampled_from(keys), min_size=1))]
    head = draw(st.sampled_from(["?", "?channel=1&", "?a;", "?room=12;"]))
    return f"{draw(schemes)}://{draw(st.sampled_from(HOSTS))}/live{head}{draw(st.sampled_from('&;')).join(pairs)}"


urls = st.one_of(with_password(), with_secret_in_path(), with_secret_in_query())
thorough = settings(max_examples=300, deadline=None, derandomize=True)
some = settings(max_examples=25, deadline=None, derandomize=True)


def clean(text: str) -> bool:
    return not any(mark.lower() in text.lower() for mark in MARKS)


@thorough
@given(urls)
def test_a_name_holds_no_secret(url: str) -> None:
    name = public_name(url)
    assert clean(name)
    assert clean(public_host(url))
    assert public_name(name) == name
    assert clean(public_name(url.replace("://", ":/")))  # what a path makes of it


@thorough
@given(
    urls, st.sampled_from(["", "could not open ", "FFmpeg: '", "see (", "a\n"]), st.sampled_from([":", "'", " x", ""])
)
def test_a_text_that_repeats_an_address_holds_no_secret(url: str, before: str, after: str) -> None:
    assert clean(redact(f"{before}{url}{after} refused"))


@thorough
@given(with_password())
def test_a_source_says_nothing_of_its_password(url: str) -> None:
    told: str
    try:
        told = open_source(url, SourceOptions()).name
    except (OSError, ValueError) as error:
        told = str(error)
    assert clean(told)


@thorough
@given(users, secrets)
def test_an_address_without_its_scheme_is_no_file_and_shows_its_host_at_most(user: str, secret: str) -> None:
    assert clean(public_name(f"{user}:{secret}@192.168.1.2:554/live"))
    assert clean(public_name(f"192.168.1.2:554/user={user}_password={secret}"))
    assert clean(public_server(f"turn:{user}:{secret}@example.org:3478"))


@some
@given(urls)
def test_no_way_out_shows_it(tmp_path_factory: pytest.TempPathFactory, url: str) -> None:
    """Each sink is given the raw address, as if all before it had failed."""
    folder = tmp_path_factory.mktemp("kept")
    change = StateChange("retrying", f"could not open {url}: refused")
    verdict = Verdict(url, 1.0, 0.95, "fake", (), None, (), 0.01)
    lines, words = io.StringIO(), io.StringIO()
    picture = Frame(np.full((180, 320, 3), 90, np.uint8), 1.0, time.monotonic())
    evidence = Evidence(folder, url)
    for sink in (JsonLines(lines), Console(words), evidence):
        sink.state(url, change)
        sink.verdict(verdict, picture)
        sink.alert(evidence.keep(Alert(url, True, "stream", 0.95, 1.0)))
        sink.summary(url, {"frames_read": 1})
    assert clean(lines.getvalue())
    assert clean(words.getvalue())
    for file in folder.rglob("*"):
        assert clean(str(file))
        assert file.is_dir() or clean(file.read_bytes().decode("latin-1"))


@some
@given(urls)
def test_the_overlay_draws_the_public_name(url: str) -> None:
    image = np.full((360, 640, 3), 90, np.uint8)
    drawn, public = Overlay(url), Overlay(redact(url))
    for overlay, detail in ((drawn, f"{url}: refused"), (public, redact(f"{url}: refused"))):
        overlay.state(StateChange("retrying", detail))
    assert np.array_equal(drawn.draw(image, 1.0), public.draw(image, 1.0))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(urls, min_size=3, max_size=8, unique=True))
def test_the_figures_name_no_secret(addresses: list[str]) -> None:
    metrics = Metrics(0)
    try:
        for url in addresses:
            metrics.verdict(Verdict(url, 1.0, 0.5, "real", (), None, (), 0.01), None)
        for path in ("metrics", "readyz"):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/{path}") as answer:
                    text = answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    text = error.read().decode()
            assert clean(text)
    finally:
        metrics.close()


class _Receiver(BaseHTTPRequestHandler):
    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_a_webhook_is_told_no_secret_and_no_surrogate() -> None:
    bodies: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("Receiver", (_Receiver,), {"bodies": bodies}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    errors = io.StringIO()
    hook = Webhook(f"http://127.0.0.1:{server.server_port}/services/T1/B1/geheim", errors)
    hook.alert(Alert("rtsp://admin:p@geheim/x@cam/live", True, "face 1", 0.9, 1.0))
    hook.alert(Alert("caf\udce9.mp4", True, "face 1", 0.9, 1.0, evidence="/kept\udce9/1"))
    hook.close()
    server.shutdown()
    server.server_close()
    first, second = map(json.loads, bodies)
    assert first["source"] == "rtsp://***"
    assert (second["source"], second["evidence"]) == ("caf\ufffd.mp4", "/kept\ufffd/1")
    assert errors.getvalue() == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://192.168.1.20:554/Streaming/Channels/101", None),
        ("rtsp://cam/cam/realmonitor?channel=1&subtype=0", None),
        ("rtsp://cam/h264Preview_01_main", None),
        ("https://www.example.org/@name/clip-2024.mp4", None),
        ("udp://@239.0.0.1:1234", None),
        ("srt://:9000?mode=listener", None),
        ("whep+https://example.org/conference-room/whep", None),
        ("rtsp://[fe80::1%eth0]:554/live", None),
        ("file:///srv/clips/a@2x.mp4", None),
        ("rtsp://admin:p@ss@127.0.0.1:9/live", "rtsp://***@127.0.0.1:9/live"),
        ("rtsp://admin:pa ss@127.0.0.1:9/live", "rtsp://***@127.0.0.1:9/live"),
        ("rtsp://admin:p@ss/w0rd@127.0.0.1:9/live", "rtsp://***@127.0.0.1:9"),
        ("rtsp://cam/user=admin_password=GEHEIM_channel=1_stream=0.sdp", "rtsp://cam/***"),
        ("https://b.example.org/a.mp4?X-Amz-Signature=abc", "https://b.example.org/a.mp4?X-Amz-Signature=***"),
        ("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/services/***"),
        ("rtmp://live.example.org/app/abcd-efgh", "rtmp://live.example.org/app/***"),
        ("janus+ws://example.org:8188/?room=1234&pin=99", "janus+ws://example.org:8188/?room=1234&pin=***"),
        ("lavfi:movie=http://u:p@host/x", "lavfi:movie=http://***@host/x"),
    ],
)
def test_what_tells_streams_apart_stays(url: str, shown: str | None) -> None:
    assert public_name(url) == (shown or url)


def test_what_is_no_address_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a:b@c password=x.mp4"
    file.touch()
    assert public_name(str(file)) == str(file)
    for text in ("a line: 12:30 me@example.org", "whep+https://, a file or demo", "C:/Users/me@home/a.mp4"):
        assert redact(text) == text
    assert redact("see turn:USER:PASSWORD@HOST:PORT") == "see turn:USER:PASSWORD@HOST:PORT"
    assert redact("turn:me:pw@example.org:3478 refused") == f"turn:{HIDDEN}@example.org:3478 refused"


def test_what_steers_a_terminal_is_not_shown() -> None:
    assert displayable("a\x1b[2Jb\u202ec\ud83dd\ne") == "a\ufffd[2Jb\ufffdc\ufffdd\ufffde"
    assert json.loads(dumps({"a": "rtsp://u:p@h/x\n"})) == {"a": "rtsp://***@h/x\n"}


def test_the_command_line_says_no_secret() -> None:
    runs = [
        ["watch", "rtsp://admin:geheim/s3cr3t@127.0.0.1:9/live", "--json"],
        ["watch", "rtsp://admin:geheim s3cr3t@127.0.0.1:9/live", "--json"],
        ["watch", "admin:geheim@127.0.0.1:9/live"],
        ["watch", "demo", "--webhook", "ftp://u:geheim@127.0.0.1/x"],
        ["watch", "demo", "--webhook", "http://u:geheim/x@127.0.0.1/s3cr3t"],
        ["watch", "whep+http://127.0.0.1:9/x", "--ice-server", "turn:u:geheim/@h/x"],
        ["watch", "whep+http://127.0.0.1:9/x", "--ice-server", "turn:u:geheim"],
        ["scan", "https://admin:geheim@127.0.0.1/a.mp4", "--json"],
        ["scan", "https://admin:geheim@127.0.0.1/a.mp4"],
        ["rtsp://admin:geheim@127.0.0.1/a"],
        ["watch", "demo", "--no-such-option", "rtsp://admin:geheim@127.0.0.1/a"],
    ]
    code = "import json, sys; from truefeed.stream.cli import main; print([main(w) for w in json.loads(sys.argv[1])])"
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(runs)], capture_output=True, text=True, timeout=100, check=True
    )
    assert run.stdout.splitlines()[-1] == "[1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2]"
    assert clean(run.stdout + run.stderr), run.stdout + run.stderr
