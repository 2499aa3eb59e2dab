"""Alerts as JSON to an HTTP address."""

from __future__ import annotations

import base64
import http.client
import queue
import re
import threading
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from email.message import Message
from typing import IO, TextIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import ConfigError
from ..redaction import encodable, public_host
from ..types import Alert
from .base import Sink, complain
from .jsonl import alert_event, dumps

_HELD = 200
"Alerts that wait at most; then the oldest is given up."
_ATTEMPTS = 6


class Webhook(Sink):
    """POSTs every alert, raised or cleared, from a thread of its own, so that a slow receiver holds nothing up.

    The body is the alert event of the JSON lines with the wall-clock `time` added; the header `X-Truefeed-Delivery` is
    the same for every attempt at one alert. What fails is tried again with growing pauses, but for an answer that says
    that trying is no use (3xx and 4xx other than 408 and 429). No error in one delivery ends the thread; how many
    alerts were not delivered is told at the end, and stands in `failed`.
    """

    def __init__(
        self, url: str, errors: TextIO, *, timeout: float = 5.0, first_pause: float = 0.5, closing: float = 5.0
    ) -> None:
        """Start the thread.

        Args:
            url: http or https; a user and password in it become basic authentication, and what an address may hold only
                encoded (a blank, an umlaut) is encoded.
            errors: takes one line when delivery starts to fail, and one at the end.
            timeout: of one attempt, s.
            first_pause: before the second attempt, s; doubled each time.
            closing: what `close` waits at most for alerts under way, s.

        Raises:
            ConfigError: url is none that can be posted to.
        """
        self._url, self._headers = _split(url)
        self._shown = public_host(url)
        self._errors, self._timeout, self._pause, self._closing = errors, timeout, first_pause, closing
        self._queue: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._hurry = threading.Event()
        self._failing = self._closed = False
        self.delivered = self.failed = 0
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._thread = threading.Thread(target=self._run, name="truefeed-webhook", daemon=True)
        self._thread.start()

    def alert(self, alert: Alert) -> None:
        event = alert_event(alert) | {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        while self._queue.qsize() >= _HELD:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
            self._give_up("too many alerts are waiting")
        self._queue.put((str(uuid.uuid4()), encodable(dumps(event)).encode()))

    def close(self) -> None:
        """Send what waits, each once more, within the time limit; then give up and say so."""
        if self._hurry.is_set():
            return
        self._hurry.set()
        self._queue.put(None)
        self._thread.join(self._closing)
        self._closed = self._thread.is_alive()
        if self._closed:
            self.failed += 1 + sum(item is not None for item in list(self._queue.queue))
        if self.failed:
            self._tell(f"{self.failed} alert{'s' * (self.failed > 1)} not delivered to {self._shown}")

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self._closed:
            try:
                self._deliver(*item)
            except Exception as error:  # whatever it was: the next alert is tried all the same
                self._give_up(type(error).__name__)

    def _deliver(self, number: str, body: bytes) -> None:
        pause = self._pause
        for attempt in range(1, _ATTEMPTS + 1):
            problem, again = self._post(number, body)
            if problem is None:
                self._failing = False
                self.delivered += 1
                return
            if not again or attempt == _ATTEMPTS or self._hurry.is_set():
                self._give_up(problem)
                return
            self._hurry.wait(pause)
            pause = min(2 * pause, 60.0)

    def _post(self, number: str, body: bytes) -> tuple[str | None, bool]:
        """Return what went wrong, None for nothing, and whether to try again."""
        headers = self._headers | {"Content-Type": "application/json", "X-Truefeed-Delivery": number}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answer.read(1 << 16)
            return None, False
        except urllib.error.HTTPError as error:
            with error:
                return f"HTTP {error.code}", error.code >= 500 or error.code in (408, 429)
        except (OSError, http.client.HTTPException) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__, True

    def _give_up(self, problem: str) -> None:
        if self._closed:
            return  # counted by `close`
        self.failed += 1
        if not self._failing:
            self._failing = True
            self._tell(f"webhook {self._shown}: {problem}; the watching goes on")

    def _tell(self, line: str) -> None:
        complain(self._errors, line)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would arrive as a GET, or at another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _split(url: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its text may quote half of a password
        raise ConfigError(f"--webhook {public_host(url)}: not a valid address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"--webhook {public_host(url)}: an address starting with http:// or https:// is needed")
    headers = {"User-Agent": "truefeed"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return urlunsplit((parts.scheme, _place(url, host, port), *_encoded(parts.path, parts.query), "")), headers


def _place(url: str, host: str, port: int | None) -> str:
    """Return host and port as HTTP writes them: an international name in its ASCII form (IDNA)."""
    try:
        name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ConfigError(f"--webhook {public_host(url)}: no host has such a name") from None
    if not re.fullmatch(r"[\w.\-]+|\[[0-9a-f:.%\w]+\]", name, re.ASCII):
        raise ConfigError(f"--webhook {public_host(url)}: no host has such a name")
    return name + (f":{port}" if port else "")


def _encoded(path: str, query: str) -> tuple[str, str]:
    """Percent-encode what an address may not hold as it is; what is encoded already stays."""
    kept = "/%:@!$&'()*+,;=~"
    return quote(path, kept, errors="surrogateescape"), quote(query, kept + "?[]{}|^`\\", errors="surrogateescape")
