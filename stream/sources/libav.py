"""Live sources that PyAV opens: RTSP and other URLs, cameras of Linux, filter graphs."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from functools import cache

import av
from av.container import InputContainer

from ..errors import SourceAuthError, SourceError, SourceNotFoundError
from ..redaction import public_name, redact
from .base import Item, SourceOptions
from .container import Session
from .reconnect import TICK, Connection, LiveSource
from .timestamps import Timeline

_ANSWER = 5.0
"A server or a device has so long to answer when it is opened, s."
_NON_BLOCKING = "+4"
"AVFMT_FLAG_NONBLOCK, which has no name as an option: a frozen camera then can't hold the thread."


class AvSource(LiveSource):
    """Anything that PyAV opens.

    Args:
        file: what PyAV opens.
        format: PyAV's name of the format, or None to find out.
        settings: PyAV's options; the next set is tried where the device refuses one.
        resumable: reading can go on after a read timeout; where it can't, the read timeout is the stall time.
    """

    def __init__(
        self,
        name: str,
        file: str,
        options: SourceOptions,
        *,
        format: str | None = None,
        settings: Sequence[Mapping[str, str]] = ({},),
        resumable: bool = True,
    ) -> None:
        super().__init__(name, options)
        self._file = file
        self._format = format
        self._settings = settings
        self._resumable = resumable
        self._stall = options.stall

    def _connect(self, timeline: Timeline, number: int) -> Connection:
        return self._read(self._open(), timeline, number)

    def _read(self, container: InputContainer, timeline: Timeline, number: int) -> _AvConnection:
        try:
            session = Session(
                container,
                timeline,
                self.tally,
                number=number,
                audio=self._options.audio,
                stall=self._stall,
            )
        except SourceError as error:
            container.close()
            raise SourceError(f"{self.name}: {error}") from None
        return _AvConnection(self.name, container, session)

    def _open(self) -> InputContainer:
        for settings in self._settings[:-1]:
            try:
                return self._try(settings)
            except (SourceNotFoundError, SourceAuthError):
                raise
            except SourceError:
                continue
        return self._try(self._settings[-1])

    def _try(self, settings: Mapping[str, str]) -> InputContainer:
        started = time.monotonic()
        read = TICK if self._resumable else self._stall
        try:
            wait = (_ANSWER, read)
            return av.open(
                self._file, format=self._format, options=dict(settings), timeout=wait, metadata_errors="replace"
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if time.monotonic() - started >= _ANSWER - 0.1:
                raise SourceError(f"{self.name}: no answer within {_ANSWER:g} s; is the host reachable?") from None
            raise explain(self.name, error) from None


class _AvConnection:
    """An open container whose errors are told in our words."""

    def __init__(self, name: str, container: InputContainer, session: Session) -> None:
        self._name = name
        self._container = container
        self._session = session

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        """See `Connection.items`."""
        try:
            yield from self._session.items(stop)
        except SourceError:
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise explain(self._name, error) from None

    def close(self) -> None:
        """Close the container."""
        self._container.close()


def explain(name: str, error: Exception) -> SourceError:
    """Turn PyAV's error, which may quote a URL with its password, into one fit to be shown."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceAuthError(f"{name}: the server refused the user or the password")
    if isinstance(error, av.error.HTTPNotFoundError | FileNotFoundError):
        return SourceNotFoundError(f"{name}: there is no such stream or device")
    if isinstance(error, PermissionError):
        return SourceAuthError(f"{name}: permission denied")
    if isinstance(error, ConnectionRefusedError):
        return SourceError(f"{name}: connection refused; is the server running on that port?")
    if getattr(error, "errno", None) == errno.EIO:
        return SourceError(f"{name}: the host can't be found, or it broke off")
    if isinstance(error, av.error.ExitError):
        return SourceError(f"{name}: nothing received")
    if isinstance(error, ValueError):
        return SourceError(f"{name}: no usable answer; is this the address of a stream?")
    text = getattr(error, "strerror", None) or type(error).__name__
    return SourceError(f"{name}: {redact(str(text))}")


@cache
def knows_protocol(scheme: str) -> bool:
    """Tell whether this build of FFmpeg has the protocol. It is asked to open an address without a host."""
    try:
        av.open(f"{scheme}://", timeout=0.5).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return True


def rtsp(url: str, options: SourceOptions) -> AvSource:
    """Return a source for an `rtsp://` URL, opened for the least delay."""
    settings = {
        "rtsp_transport": options.transport,
        "probesize": "32",
        "analyzeduration": "0",
        "fflags": "nobuffer",
        "user_agent": "truefeed",
    }
    return AvSource(public_name(url), url, options, settings=(settings,))


def v4l2(device: str, options: SourceOptions) -> AvSource:
    """Return a source for a camera of Linux. Compressed pictures are asked for first: evidence keeps them so."""
    size = {"video_size": "1280x720", "framerate": "30", "fflags": _NON_BLOCKING}
    settings = ({**size, "input_format": "mjpeg"}, size, {"fflags": _NON_BLOCKING})
    return AvSource(device, device, options, format="v4l2", settings=settings)
