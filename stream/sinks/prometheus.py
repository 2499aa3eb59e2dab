"""Figures for Prometheus, and two addresses for whoever restarts what hangs. Standard library only, loopback only."""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

from ..errors import ConfigError
from ..redaction import encodable, redact
from ..types import Alert, Frame, StateChange, StreamState, Verdict
from .base import Sink

_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
"Upper bounds of the latency histogram, s."
_STATES = get_args(StreamState)
_COUNTERS = (
    ("frames_read", "Pictures decoded."),
    ("dropped", "Pictures that were too late to be looked at."),
    ("decode_errors", "Packets that could not be decoded."),
    ("reconnects", "Times that the source was opened again."),
)
_CONNECTION = (
    ("packets_lost", "counter", "RTP packets of the video that were lost on the way."),
    ("loss", "gauge", "Share of the video's packets lost, lately."),
    ("jitter_ms", "gauge", "Of the arrival of the video's packets."),
    ("bitrate_kbps", "gauge", "Of the compressed video."),
    ("frames_decoded", "counter", "Pictures decoded of this connection."),
    ("pli", "counter", "Keyframes asked for."),
)
_SUBJECTS = ("face", "voice", "stream")


@dataclass(slots=True)
class _Line:
    state: StreamState = "connecting"
    stats: Callable[[], Any] | None = None
    scored: int = 0
    fake: float | None = None
    arrived: float | None = None
    alerts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUBJECTS, 0))
    raised: set[str] = field(default_factory=set)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    latency: float = 0.0
    connection: Mapping[str, Any] = field(default_factory=dict)


class Metrics(Sink):
    """Serves /metrics (Prometheus text), /healthz (the process lives) and /readyz (every source is online or done)."""

    def __init__(self, port: int) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one, which is then in `port`.

        Raises:
            ConfigError: the port is taken or not allowed.
        """
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        try:
            self._server = _Server(("127.0.0.1", port), self)
        except OSError as error:
            raise ConfigError(f"--metrics-port {port}: {error.strerror or error}") from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="truefeed-metrics", daemon=True
        )
        self._thread.start()
        self._closed = False

    def follow(self, source: str, stats: Callable[[], Any]) -> None:
        """Have the counters of a capture read when they are asked for; stats returns its CaptureStats."""
        with self._lock:
            self._line(source).stats = stats

    def state(self, source: str, change: StateChange) -> None:
        with self._lock:
            self._line(source).state = change.state

    def frame(self, source: str, frame: Frame) -> None:
        with self._lock:
            self._line(source).arrived = frame.arrived

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        with self._lock:
            line = self._line(verdict.source)
            line.fake = verdict.fake
            if frame is None:
                return
            line.scored += 1
            line.arrived = frame.arrived
            if verdict.latency is not None:
                line.buckets[bisect_left(_BUCKETS, verdict.latency)] += 1
                line.latency += verdict.latency

    def alert(self, alert: Alert) -> None:
        with self._lock:
            line = self._line(alert.source)
            if alert.raised:
                line.alerts[alert.subject.split()[0]] += 1
                line.raised.add(alert.subject)
            else:
                line.raised.discard(alert.subject)

    def stats(self, source: str, figures: Mapping[str, Any]) -> None:
        with self._lock:
            self._line(source).connection = figures

    def forget(self, source: str) -> None:
        """Leave a participant out who has left."""
        with self._lock:
            self._lines.pop(source, None)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Return whether every source is online or done, and the state of each."""
        with self._lock:
            states: dict[str, str] = {redact(name): line.state for name, line in self._lines.items()}
        return bool(states) and all(state in ("online", "ended") for state in states.values()), states

    def text(self) -> str:
        """Return the Prometheus text (exposition format 0.0.4)."""
        with self._lock:
            return "\n".join(self._text()) + "\n"

    def _line(self, source: str) -> _Line:
        return self._lines.setdefault(source, _Line())

    def _text(self) -> Iterator[str]:
        lines = [(f'source="{_escape(redact(name))}"', line) for name, line in self._lines.items()]
        stats = [(label, line.stats()) for label, line in lines if line.stats is not None]
        for name, about in _COUNTERS:
            rows = [(label, getattr(read, name)) for label, read in stats]
            yield from _metric(f"{name if name != 'dropped' else 'frames_dropped'}_total", "counter", about, rows)
        yield from _metric(
            "frames_scored_total", "counter", "Pictures scored.", [(label, line.scored) for label, line in lines]
        )
        alerts = [(f'{label},subject="{s}"', n) for label, line in lines for s, n in line.alerts.items()]
        yield from _metric("alerts_total", "counter", "Alerts raised.", alerts)
        standing = [(label, len(line.raised)) for label, line in lines]
        yield from _metric("alerts_standing", "gauge", "Alerts raised and not yet cleared.", standing)
        fakes = [(label, line.fake) for label, line in lines]
        yield from _metric("fake_probability", "gauge", "Of the latest verdict; absent where unknown.", fakes)
        states = [(f'{label},state="{s}"', int(s == line.state)) for label, line in lines for s in _STATES]
        yield from _metric("stream_state", "gauge", "1 for the state that the stream is in.", states)
        now = time.monotonic()
        ages = [(label, None if line.arrived is None else now - line.arrived) for label, line in lines]
        yield from _metric("frame_age_seconds", "gauge", "Since the newest picture arrived.", ages)
        for name, kind, about in _CONNECTION:
            rows = [(label, line.connection.get(name)) for label, line in lines]
            yield from _metric(f"webrtc_{name}{'_total' if kind == 'counter' else ''}", kind, about, rows)
        yield from _histogram(lines)


def _metric(name: str, kind: str, about: str, rows: list[tuple[str, Any]]) -> Iterator[str]:
    known = [(label, value) for label, value in rows if value is not None]
    if known:
        yield f"# HELP truefeed_{name} {about}"
        yield f"# TYPE truefeed_{name} {kind}"
        yield from (f"truefeed_{name}{{{label}}} {value:.10g}" for label, value in known)


def _histogram(lines: list[tuple[str, _Line]]) -> Iterator[str]:
    name = "truefeed_verdict_latency_seconds"
    yield f"# HELP {name} From the arrival of a picture to its verdict."
    yield f"# TYPE {name} histogram"
    for label, line in lines:
        total = 0
        for bound, count in zip((*_BUCKETS, None), line.buckets, strict=True):
            total += count
            yield f'{name}_bucket{{{label},le="{"+Inf" if bound is None else bound}"}} {total}'
        yield f"{name}_sum{{{label}}} {line.latency:.6f}"
        yield f"{name}_count{{{label}}} {total}"


def _escape(value: str) -> str:
    return encodable(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], metrics: Metrics) -> None:
        self.metrics = metrics
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "truefeed", ""
    timeout = 10

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        metrics = self.server.metrics
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
        elif path == "/healthz":
            self._answer(200, "ok\n", "text/plain; charset=utf-8")
        elif path == "/readyz":
            ready, states = metrics.ready()
            body = json.dumps({"ready": ready, "streams": states}, ensure_ascii=False) + "\n"
            self._answer(200 if ready else 503, body, "application/json")
        else:
            self._answer(404, "there are /metrics, /healthz and /readyz\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, code: int, text: str, kind: str) -> None:
        body = encodable(text).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: a line a scrape is noise."""
