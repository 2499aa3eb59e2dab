"""Pictures of the screen as JPEG, so that evidence can hold the seconds before an alert: nothing comes compressed."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2

from ..types import Frame
from .packet_buffer import Packet, StreamInfo

_QUALITY = 92
_TICKS = 90000


class JpegPackets:
    """Makes packets of pictures, for `PacketRing`."""

    def __init__(self, number: int) -> None:
        """Begin the number-th session of a source."""
        self._session = number << 16
        self._shape: tuple[int, ...] = ()
        self._info: StreamInfo | None = None

    def packet(self, frame: Frame) -> Packet | None:
        """Return the packet of a picture; None where it can't be coded. One of another size begins a session."""
        coded, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not coded:
            return None
        jpeg = data.tobytes()
        if self._info is None or self._shape != frame.image.shape:
            self._shape = frame.image.shape
            self._session += 1
            self._info = _describe(frame.image.shape[1], frame.image.shape[0], jpeg)
        stamp = round(frame.t * _TICKS)
        return Packet(self._info, jpeg, stamp, stamp, 0, True, self._session, frame.arrived)


def _describe(width: int, height: int, jpeg: bytes) -> StreamInfo:
    header = io.BytesIO()
    with av.open(header, "w", format="nut") as out:
        filler = av.Packet(jpeg)
        filler.stream = out.add_mux_stream("mjpeg", rate=10, width=width, height=height)
        filler.pts, filler.dts, filler.time_base, filler.is_keyframe = 0, 0, Fraction(1, 1000), True
        out.mux_one(filler)
    return StreamInfo("video", "mjpeg", Fraction(1, _TICKS), header.getvalue(), 0)
