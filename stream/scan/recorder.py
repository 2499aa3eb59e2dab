"""Looks on while a file is judged, and remembers what a page shows: boxes, scores, waveform, telling frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..atomic import write_bytes
from ..scoring.models import Models
from ..types import AudioChunk, Face, Frame, Image, Verdict, VoiceVerdict
from .heatmap import Explainer

_PEAKS_PER_SECOND = 50
_PEAKS = 1600
"Points of a waveform, at most."
_PICTURE = 1600
"Long side of a picture for the page, px."
_STILL = 960
"Long side of a frame for the page, px."
_MOMENTS = 40_000
"Scored frames that are kept with their boxes; of a longer film every second, fourth... one."
_TELL_EVERY = 0.2
"Progress is told so often, s."
_TELLING = 12
"Faces of which the most telling frame is kept whole."
Tell = Callable[[float, str], None]
"Takes the share that is done, 0..1, and what is being done."


class Recorder(Explainer):
    """Remembers what a page shows of a file.

    Args:
        models: that judge it.
        seconds: its length where it is known, for the progress.
        tell: takes the progress.
    """

    def __init__(self, models: Models, *, seconds: float | None = None, tell: Tell | None = None) -> None:
        super().__init__(models)
        self._seconds, self._tell = seconds, tell or (lambda _share, _stage: None)
        self._told = 0.0
        self.size: tuple[int, int] | None = None
        "Width and height, px."
        self.frames = 0
        self.scored = 0
        self.heard = 0.0
        "Sound, s."
        self.speech = 0
        "Verdicts on speech."
        self._moments: list[list[Any]] = []
        self._stride = 1
        self._said: list[list[Any]] = []
        self._peaks: list[float] = []
        self._rest: list[np.ndarray[Any, Any]] = []
        self._telling: dict[int, tuple[float, float, bytes, tuple[float, ...]]] = {}
        self._first: bytes | None = None
        self._picture: bytes | None = None
        self._boxes: list[list[Any]] = []

    def frame(self, frame: Frame, verdict: Verdict | None, logits: Mapping[int, float | None]) -> None:
        """See `Observer.frame`."""
        self.frames += 1
        height, width = frame.image.shape[:2]
        self.size = self.size or (width, height)
        self._say(frame.t, "frames")
        if verdict is not None:
            self.scored += 1
            self._remember(verdict, frame)

    def audio(self, chunk: AudioChunk, verdict: VoiceVerdict | None) -> None:
        """See `Observer.audio`."""
        self.heard += len(chunk.samples) / chunk.rate
        self._wave(chunk)
        if self.size is None:
            self._say(chunk.t, "sound")
        if verdict is not None:
            self.speech += verdict.fake is not None
            fake = None if verdict.fake is None else round(verdict.fake, 3)
            self._said.append([round(verdict.t, 2), fake, verdict.status, list(verdict.reasons)])

    def image(self, image: Image, faces: Sequence[Face]) -> None:
        """See `Observer.image`."""
        self._tell(0.2, "faces")
        height, width = image.shape[:2]
        self.size, self.frames, self.scored = (width, height), 1, 1
        self._picture = _jpeg(image, _PICTURE)
        self._boxes = [_place(number, face) for number, face in enumerate(faces, 1)]

    def _say(self, t: float, stage: str) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            self._tell(min(t / self._seconds, 1.0) * 0.96 if self._seconds else 0.0, stage)

    def _remember(self, verdict: Verdict, frame: Frame) -> None:
        if self._first is None:
            self._first = _jpeg(frame.image, _STILL)
        for face in verdict.faces:
            if face.fake is not None:
                self._compare(face.id, face.fake, face.box, frame)
        if self.scored % self._stride:
            return
        faces = [[f.id, None if f.fake is None else round(f.fake, 3), *map(round, f.box)] for f in verdict.faces]
        self._moments.append([round(verdict.t, 3), faces])
        if len(self._moments) > _MOMENTS:
            self._moments = self._moments[::2]
            self._stride *= 2

    def _compare(self, number: int, fake: float, box: tuple[float, ...], frame: Frame) -> None:
        """Keep the whole frame in which a face looks most manipulated; a little more does not count."""
        known = self._telling.get(number)
        if (known is None and len(self._telling) < _TELLING) or (known is not None and fake > known[0] + 0.02):
            self._telling[number] = (fake, frame.t, _jpeg(frame.image, _STILL), box)

    def _wave(self, chunk: AudioChunk) -> None:
        """Take the loudest sample of each fiftieth of a second."""
        self._rest.append(np.abs(chunk.samples))
        size = max(chunk.rate // _PEAKS_PER_SECOND, 1)
        if sum(map(len, self._rest)) < size:
            return
        samples = np.concatenate(self._rest)
        whole = len(samples) // size * size
        self._peaks.extend(samples[:whole].reshape(-1, size).max(1).tolist())
        self._rest = [samples[whole:]]

    def track(self) -> dict[str, Any]:
        """Return what a player draws over the file."""
        width, height = self.size or (None, None)
        return {
            "width": width,
            "height": height,
            "moments": self._moments,
            "boxes": self._boxes,
            "voice": self._said,
            "peaks": _thin(self._peaks),
            "peak_seconds": len(self._peaks) / _PEAKS_PER_SECOND,
        }

    def pictures(self, folder: Path) -> dict[str, Any]:
        """Write the frames and the picture for the page; return their names: poster, and one a face."""
        told: dict[str, Any] = {"poster": None, "frames": {}}
        for number, (fake, t, data, box) in self._telling.items():
            name = f"frame{number}.jpg"
            write_bytes(folder / name, data)
            told["frames"][str(number)] = {"name": name, "t": round(t, 3), "fake": round(fake, 4), "box": list(box)}
        first = self._picture or self._first
        if first is not None:
            write_bytes(folder / "poster.jpg", first)
            told["poster"] = "poster.jpg"
        return told


def _place(number: int, face: Face) -> list[Any]:
    return [number, *(round(float(v), 1) for v in face.box)]


def _jpeg(image: Image, side: int) -> bytes:
    scale = side / max(image.shape[:2])
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    good, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 85))
    if not good:
        raise ValueError("the picture could not be encoded")
    return bytes(data.tobytes())


def _thin(peaks: list[float]) -> list[float]:
    """Return at most _PEAKS of the loudest."""
    step = -(-len(peaks) // _PEAKS) or 1
    return [round(max(peaks[i : i + step]), 3) for i in range(0, len(peaks), step)]
