"""Figures for Prometheus, and two addresses for whoever restarts what hangs. Loopback only."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ..errors import ConfigError
from ..redaction import encodable, redact
from ..types import Alert, Frame, StateChange, StreamState, Verdict
from .base import Sink
from .prometheus_server import FiguresServer

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


class Metrics(Sink, Collector):
    """Serves /metrics (Prometheus text), /healthz (the process lives) and /readyz (every source is online or done)."""

    def __init__(self, port: int) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one, which is then in `port`.

        Raises:
            ConfigError: the port is taken or not allowed.
        """
        self._lines: dict[str, _Line] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._lock = threading.Lock()
        try:
            self._server = FiguresServer(("127.0.0.1", port), self)
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

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return the figures and their content type: Prometheus text, or OpenMetrics where that is what is accepted."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it stands now (the client library's `Collector`)."""
        with self._lock:
            yield from list(self._families())

    def _line(self, source: str) -> _Line:
        return self._lines.setdefault(source, _Line())

    def _families(self) -> Iterator[Metric]:
        lines = [(encodable(redact(name)), line) for name, line in self._lines.items()]
        stats = [(name, line.stats()) for name, line in lines if line.stats is not None]
        for name, about in _COUNTERS:
            shown = "frames_dropped" if name == "dropped" else name
            yield from _counter(shown, about, [((source,), getattr(read, name)) for source, read in stats])
        yield from _counter("frames_scored", "Pictures scored.", [((source,), line.scored) for source, line in lines])
        alerts = [((source, subject), n) for source, line in lines for subject, n in line.alerts.items()]
        yield from _counter("alerts", "Alerts raised.", alerts, ("source", "subject"))
        standing = [((source,), len(line.raised)) for source, line in lines]
        yield from _gauge("alerts_standing", "Alerts raised and not yet cleared.", standing)
        fakes = [((source,), line.fake) for source, line in lines]
        yield from _gauge("fake_probability", "Of the latest verdict; absent where unknown.", fakes)
        states = [((source, state), int(state == line.state)) for source, line in lines for state in _STATES]
        yield from _gauge("stream_state", "1 for the state that the stream is in.", states, ("source", "state"))
        now = time.monotonic()
        ages = [((source,), None if line.arrived is None else now - line.arrived) for source, line in lines]
        yield from _gauge("frame_age_seconds", "Since the newest picture arrived.", ages)
        for name, kind, about in _CONNECTION:
            rows = [((source,), line.connection.get(name)) for source, line in lines]
            yield from (_counter if kind == "counter" else _gauge)(f"webrtc_{name}", about, rows)
        yield _latency(lines)


_Rows = Sequence[tuple[tuple[str, ...], float | None]]
"Values of labels, and the figure; None where it is not known."


def _counter(name: str, about: str, rows: _Rows, labels: Sequence[str] = ("source",)) -> Iterator[Metric]:
    yield from _filled(CounterMetricFamily(f"truefeed_{name}", about, labels=labels), rows)


def _gauge(name: str, about: str, rows: _Rows, labels: Sequence[str] = ("source",)) -> Iterator[Metric]:
    yield from _filled(GaugeMetricFamily(f"truefeed_{name}", about, labels=labels), rows)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, rows: _Rows) -> Iterator[Metric]:
    for labels, value in rows:
        if value is not None:
            family.add_metric(labels, value)
    if family.samples:
        yield family


def _latency(lines: Sequence[tuple[str, _Line]]) -> Metric:
    about = "From the arrival of a picture to its verdict."
    family = HistogramMetricFamily("truefeed_verdict_latency_seconds", about, labels=("source",))
    bounds = [*map(str, _BUCKETS), "+Inf"]
    for source, line in lines:
        family.add_metric((source,), list(zip(bounds, accumulate(line.buckets), strict=True)), line.latency)
    return family
