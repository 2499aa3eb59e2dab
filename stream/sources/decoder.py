"""From compressed packets to upright BGR pictures; nothing damaged gets through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import cast

import av
import cv2
import numpy as np
from av.buffer import Buffer
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..types import Image
from .base import Tally
from .h264_loss import LossDetector

_PATIENCE = 300
"Video packets passed over before decoding starts without a keyframe (some encoders refresh by and by)."
_NO_PICTURE = 64
"A packet of H.265 with fewer bytes is taken to hold none."
_SQUEEZED = (0.4, 2.5)
"Pixel aspects outside this are taken for a mistake."


class DecodeOrder:
    """Gives pictures their time where a container knows only when each packet is to be decoded (AVI).

    What FFmpeg guesses then goes back and forth with B-frames. The decoder gives pictures in the order in which they
    are shown, so the earliest time that is still waiting is that of the next picture.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []

    def put(self, dts: int | None) -> None:
        """Take the time stamp of a packet."""
        if dts is not None:
            heappush(self._waiting, dts)

    def take(self) -> int | None:
        """Return the time stamp of the next picture; None where that can't be told."""
        return heappop(self._waiting) if self._waiting else None

    def clear(self) -> None:
        """Forget the packets of which no picture will come."""
        self._waiting.clear()


class VideoDecoder:
    """Decodes one video stream from a keyframe on, and waits for the next keyframe after damage.

    Args:
        stream: of an open container.
        tally: counts what could not be decoded.
        order: where the container says when packets are to be decoded and not when pictures are to be shown.
    """

    def __init__(self, stream: VideoStream, tally: Tally, order: DecodeOrder | None = None) -> None:
        self._order = order
        self._context = stream.codec_context
        self._tally = tally
        self._alone = stream.codec_context.codec.intra_only or stream.codec_context.name == "wrapped_avframe"
        self._waiting = not self._alone
        self._losses = LossDetector(self._context.extradata or b"") if self._context.name == "h264" else None
        self._passed = 0
        self._turned: Sequence[int] | None = None
        self._rotation: int | None = None

    def decode(self, packet: Packet[VideoStream]) -> Iterator[VideoFrame]:
        """Yield the undamaged pictures that the packet completes; an empty packet flushes the decoder."""
        if self._waiting and packet.size:
            if not packet.is_keyframe and self._passed < _PATIENCE:
                self._passed += 1
                self._tally.skipped += 1
                return
            self._waiting, self._passed = False, 0
        if self._losses is not None and self._losses.lost(bytes(packet)):
            self._tally.decode_errors += 1
            self._damaged()
            return
        if self._order is not None and packet.size:
            self._order.put(packet.dts)
        try:
            frames = packet.decode()
        except EOFError:
            return
        except (av.error.FFmpegError, ValueError):
            self._tally.decode_errors += 1
            if self._pictured(packet):
                self._damaged()
            return
        for frame in frames:
            if self._order is not None:
                frame.pts = self._order.take()
            if frame.is_corrupt or packet.is_corrupt:
                self._tally.decode_errors += 1
                self._damaged()
                return
            yield frame

    def _pictured(self, packet: Packet[VideoStream]) -> bool:
        """Say whether a packet held a picture: one of parameters alone may fail to decode and does no harm."""
        if self._losses is not None:
            return self._losses.pictured
        return packet.size >= _NO_PICTURE or self._context.name != "hevc"

    def _damaged(self) -> None:
        """Later pictures build on a damaged one: wait for a picture that stands alone."""
        if self._alone:
            return
        self._waiting = True
        if self._order is not None:
            self._order.clear()
        if self._losses is not None:
            self._losses.reset()
        self._context.flush_buffers()

    def glance(self, frame: VideoFrame) -> Image:
        """Return a small copy of a decoded frame, (64, 64, 3) BGR, not turned. Raises ValueError or FFmpegError."""
        how = "FAST_BILINEAR"
        return np.asarray(frame.to_ndarray(format="bgr24", width=64, height=64, interpolation=how, threads=1), np.uint8)

    def picture(self, frame: VideoFrame, aspect: float = 1.0) -> Image:
        """Convert a decoded frame to HxWx3 BGR, square pixels, upright. Raises ValueError or FFmpegError.

        Args:
            frame: in any pixel format.
            aspect: width of a pixel over its height.
        """
        width = max(1, round(frame.width * aspect)) if _SQUEEZED[0] < aspect < _SQUEEZED[1] else frame.width
        image = np.asarray(frame.to_ndarray(format="bgr24", width=width, threads=1), np.uint8)
        if self._rotation != frame.rotation:
            # Asked only where the rotation changed: with its side data a PyAV frame is a reference cycle, and even one
            # a keyframe, a megabyte and more each, are hundreds before the garbage collector comes by.
            self._rotation = frame.rotation
            matrix = cast(Mapping[Type, Buffer], frame.side_data).get(Type.DISPLAYMATRIX)
            self._turned = None if matrix is None else memoryview(matrix).cast("i").tolist()
        return image if self._turned is None else _upright(image, self._turned)


def _upright(image: Image, matrix: Sequence[int]) -> Image:
    """Turn and mirror in quarters: pixel (x, y) is to be shown at (ax + cy, bx + dy)."""
    a, b, _, c, d, *_ = matrix
    if abs(a) < abs(b):
        image = np.asarray(cv2.transpose(image), np.uint8)
        a, d = c, b
    if a >= 0 and d >= 0:
        return image
    return np.asarray(cv2.flip(image, 1 if d >= 0 else 0 if a >= 0 else -1), np.uint8)
