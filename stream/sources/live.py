"""Sources that come over a network or from a device: opened again, with back-off, whenever they end or stall."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import closing

import av
from av.container import InputContainer

from ..errors import SourceAuthError, SourceError, SourceNotFoundError, redact
from ..values import StateChange
from .base import Item, SourceOptions, Tally
from .demux import TICK, Session, StalledError, Watch
from .timeline import Timeline

_ANSWER = 5.0
"A server or a device has so long to answer when it is opened, s."


class LiveSource:
    """Anything that PyAV opens and that never ends by itself.

    Args:
        name: what to call it, credentials removed.
        file: what PyAV opens.
        format: PyAV's name of the format, or None to find out.
        settings: PyAV's options.
        resumable: reading can go on after a read timeout; where it can't, the read timeout is the stall time.
    """

    live = True

    def __init__(
        self,
        name: str,
        file: str,
        options: SourceOptions,
        *,
        format: str | None = None,
        settings: Mapping[str, str] | None = None,
        resumable: bool = True,
    ) -> None:
        self.name = name
        self.tally = Tally()
        self._file = file
        self._options = options
        self._format = format
        self._settings = dict(settings or {})
        self._resumable = resumable

    def close(self) -> None:
        """Do nothing: the generator closes what it opened."""

    def items(self, stop: threading.Event) -> Generator[Item]:
        """See `Source.items`."""
        timeline = Timeline(live=True)
        first, last = self._options.backoff
        wait, failed, number = first, 0, 0
        yield StateChange("connecting", arrived=time.monotonic())
        while not stop.is_set():
            try:
                with closing(self._connect()) as container:
                    timeline.restart()
                    session = Session(
                        container,
                        timeline,
                        self.tally,
                        number=number,
                        audio=self._options.audio,
                        watch=Watch(self._options.stall),
                    )
                    number += 1
                    for item in session.items(stop):
                        if isinstance(item, StateChange) and item.state == "online":
                            self.tally.reconnects += number > 1
                            wait, failed = first, 0
                        yield item
                why = "the stream ended"
            except StalledError as error:
                why = str(error)
                yield StateChange("stalled", why, time.monotonic())
            except (av.error.FFmpegError, OSError, ValueError) as error:
                refusal = error if isinstance(error, SourceError) else self._explain(error)
                if number == 0:
                    raise refusal from None
                why = str(refusal).removeprefix(f"{self.name}: ")
            if stop.is_set():
                break
            failed += 1
            if self._options.retries is not None and failed > self._options.retries:
                raise SourceError(f"{self.name}: {why}; gave up after {failed - 1} attempts to open it again")
            yield StateChange("retrying", f"{why}; next attempt in {wait:g} s", time.monotonic())
            stop.wait(wait)
            wait = min(wait * 2, last)
        yield StateChange("ended", "stopped", time.monotonic())

    def _connect(self) -> InputContainer:
        stall = self._options.stall
        started = time.monotonic()
        try:
            return av.open(
                self._file,
                format=self._format,
                options=self._settings,
                timeout=(_ANSWER, TICK if self._resumable else stall),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if time.monotonic() - started >= _ANSWER - 0.1:
                raise SourceError(f"{self.name}: no answer within {_ANSWER:g} s; is the host reachable?") from None
            raise self._explain(error) from None

    def _explain(self, error: Exception) -> SourceError:
        """Turn PyAV's error, which may quote the URL with its password, into one fit to be shown."""
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return SourceAuthError(f"{self.name}: the server refused the user or the password")
        if isinstance(error, av.error.HTTPNotFoundError | FileNotFoundError):
            return SourceNotFoundError(f"{self.name}: there is no such stream or device")
        if isinstance(error, PermissionError):
            return SourceAuthError(f"{self.name}: permission denied")
        if isinstance(error, ConnectionRefusedError):
            return SourceError(f"{self.name}: connection refused; is the server running on that port?")
        text = getattr(error, "strerror", None) or type(error).__name__
        return SourceError(f"{self.name}: {redact(str(text))}")


def rtsp(url: str, options: SourceOptions) -> LiveSource:
    """Return a source for an `rtsp://` URL, opened for the least delay."""
    settings = {
        "rtsp_transport": options.transport,
        "probesize": "32",
        "analyzeduration": "0",
        "fflags": "nobuffer",
        "user_agent": "truefeed",
    }
    return LiveSource(redact(url), url, options, settings=settings)
