"""Cameras by number: V4L2 through PyAV on Linux, whatever OpenCV finds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np

from ..errors import SourceNotFoundError
from ..types import Frame, StateChange
from .base import Device, Item, SourceOptions
from .libav import v4l2
from .reconnect import LiveSource
from .timestamps import Timeline


def camera(number: int, options: SourceOptions) -> LiveSource:
    """Return the source for camera `number`, counted from 0."""
    if sys.platform == "linux":
        return v4l2(f"/dev/video{number}", options)
    return OpenCvCamera(number, options)


def list_cameras() -> list[Device]:
    """Return the cameras of this machine, without opening them; elsewhere than on Linux they can't be told apart."""
    if sys.platform != "linux":
        return [Device(str(number), f"camera {number}") for number in range(3) if _opens(number)]
    found = []
    for node in sorted(Path("/sys/class/video4linux").glob("video*"), key=lambda node: int(node.name[5:])):
        # The second node of a camera gives metadata, not pictures.
        index = node / "index"
        if not index.exists() or index.read_text().strip() == "0":
            found.append(Device(node.name[5:], (node / "name").read_text().strip()))
    return found


def _opens(number: int) -> bool:
    capture = cv2.VideoCapture(number)
    try:
        return bool(capture.isOpened())
    finally:
        capture.release()


class OpenCvCamera(LiveSource):
    """A camera through OpenCV, which has no compressed packets and no sound.

    Args:
        device: its number, or a file that stands in for one.
    """

    def __init__(self, device: int | str, options: SourceOptions) -> None:
        super().__init__(f"camera {device}", options)
        self._device = device

    def _connect(self, timeline: Timeline, number: int) -> _OpenCvConnection:
        capture = cv2.VideoCapture(self._device)
        if not capture.isOpened():
            capture.release()
            raise SourceNotFoundError(f"{self.name}: not found, or another program has it")
        return _OpenCvConnection(capture, timeline)


class _OpenCvConnection:
    def __init__(self, capture: cv2.VideoCapture, timeline: Timeline) -> None:
        self._capture = capture
        self._timeline = timeline

    def items(self, stop: threading.Event) -> Generator[Item | None]:
        shape: tuple[int, ...] | None = None
        while not stop.is_set():
            good, image = self._capture.read()
            if not good or image is None:
                return
            now = time.monotonic()
            if shape is None:
                yield StateChange("online", arrived=now)
            placed = self._timeline.place("video", None, now)
            if placed is not None:
                yield Frame(np.asarray(image, np.uint8), placed[0], now, placed[1] or shape not in (None, image.shape))
            shape = image.shape

    def close(self) -> None:
        self._capture.release()
