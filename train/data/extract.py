"""One video to aligned faces and 16 kHz sound, by the code that runs live."""

from __future__ import annotations

import threading
import wave
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ...stream.audio.resample import RATE, Resampler
from ...stream.errors import MissingExtraError, SourceError
from ...stream.faces import CenterFace
from ...stream.faces.align import crop, face_px, misfit, similarity
from ...stream.faces.detect_track import Follower
from ...stream.faces.quality import Limits
from ...stream.faces.tiled_detection import find
from ...stream.image_file import write_image
from ...stream.scan.picture import read_picture
from ...stream.scoring.sampling import Schedule
from ...stream.sources import SourceOptions
from ...stream.sources.file import FileSource
from ...stream.types import AudioChunk, Face, Floats, Frame, Image
from . import landmark_template
from .face_crops import SCALE, cut_face
from .landmarks import FaceMesh

_FOLLOW_HZ = 8.0
_LEAST_PX = 24.0
_LEAST_SEEN = 3
"Sightings that make a face: fewer are a false find more often than a person."


@dataclass(frozen=True, eq=False, slots=True)
class Cut:
    """One face of one frame."""

    track: int
    t: float
    "Media time, s."
    image: Image
    "(S, S, 3) BGR, aligned, at the scale of train.data.face_crops."
    points: Floats
    "(5, 2), px of image."
    mesh: Floats
    "(468, 2), px of image."
    px: float
    "Side of the tight face square in the frame, px."


@dataclass(slots=True)
class Take:
    """What was taken from one file."""

    cuts: list[Cut] = field(default_factory=list)
    sound: Floats | None = None
    "(n,), 16 kHz mono; None where there is none."
    seconds: float = 0.0
    poor: int = 0
    "Faces left out: too small, in profile or not seen by both detectors."


class Cutter:
    """Cuts files one after the other; holds the detector and, where it is installed, the mesh model."""

    def __init__(self, *, faces_a_second: float = 4.0, most: int = 48, sound: bool = True) -> None:
        """Prepare.

        Args:
            faces_a_second: kept of each track, Hz of media time.
            most: faces kept a track; of longer ones spread evenly.
            sound: False leaves the sound alone.
        """
        self._rate, self._most, self._sound = faces_a_second, most, sound
        self._detector = CenterFace(long_side=640)
        self._mesh: FaceMesh | None
        try:
            self._mesh = FaceMesh()
        except MissingExtraError:
            self._mesh = None

    @property
    def landmarks(self) -> str:
        """Where the dense landmarks come from: `facemesh` or `template`."""
        return "template" if self._mesh is None else "facemesh"

    def picture(self, path: Path) -> Take:
        """Cut a still picture. Raises SourceError."""
        take = Take()
        image = read_picture(path)
        for number, face in enumerate(find(self._detector, image), 1):
            self._add(take, image, face, number, 0.0)
        return take

    def video(self, path: Path) -> Take:
        """Cut a video or a sound. Raises SourceError where it cannot be read."""
        take, chunks = Take(), list[Floats]()
        follower, look, keep = Follower(self._detector), Schedule(_FOLLOW_HZ), Schedule(self._rate)
        resampler: Resampler | None = None
        source = FileSource(path, SourceOptions(pace="fast", audio=self._sound))
        with closing(source.items(threading.Event())) as items:
            for item in items:
                if isinstance(item, Frame):
                    take.seconds = max(take.seconds, item.t)
                    if item.discontinuity:
                        follower.reset()
                    if look.due(item.t):
                        tracks, kept = follower.update(item.image, item.t), keep.due(item.t)
                        for track in tracks if kept else ():
                            self._add(take, item.image, track.face, track.id, item.t)
                elif isinstance(item, AudioChunk):
                    take.seconds = max(take.seconds, item.t + len(item.samples) / item.rate)
                    resampler = resampler or Resampler(item.rate)
                    chunks.append(resampler.push(item.samples))
        if resampler is not None:
            take.sound = np.concatenate([*chunks, resampler.flush()])
        take.cuts = _steady(take.cuts, self._most)
        return take

    def _add(self, take: Take, image: Image, face: Face, track: int, t: float) -> None:
        px = face_px(face.points)
        cut = None
        if px >= _LEAST_PX and misfit(face.points) <= Limits().max_misfit:
            cut = self._cut(image, face)
        if cut is None:
            take.poor += 1
        else:
            take.cuts.append(Cut(track, t, *cut, px))

    def _cut(self, image: Image, face: Face) -> tuple[Image, Floats, Floats] | None:
        if self._mesh is not None:
            cut, five, dense, score = cut_face(image, face, self._mesh)
            return (cut, five, dense) if score >= 0.5 else None
        size = stored_size(face)
        to_crop = similarity(face.points, size, SCALE)
        five = (face.points @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
        return crop(image, face.points, size, SCALE), five, landmark_template.landmarks(five)


def stored_size(face: Face) -> int:
    """Side of the stored crop, px, chosen as train.data.face_crops does: nothing is magnified."""
    return int(np.clip(round(face_px(face.points) * SCALE / 2) * 2, 96, 448))


def _steady(cuts: list[Cut], most: int) -> list[Cut]:
    """Drop tracks that were hardly seen; of long ones keep so many, spread evenly."""
    out: list[Cut] = []
    for track in dict.fromkeys(cut.track for cut in cuts):
        mine = [cut for cut in cuts if cut.track == track]
        if len(mine) >= _LEAST_SEEN:
            out += [mine[i] for i in sorted({round(x) for x in np.linspace(0, len(mine) - 1, min(most, len(mine)))})]
    return out


def main_track(cuts: list[Cut]) -> int | None:
    """The track that shows most: sightings by size. Of a fake nobody tells which face was changed: most likely it."""
    weight: dict[int, float] = {}
    for cut in cuts:
        weight[cut.track] = weight.get(cut.track, 0.0) + cut.px
    return max(weight, key=lambda track: weight[track], default=None)


def write_sound(path: Path, samples: Floats) -> None:
    """Write (n,) samples at 16 kHz as 16-bit WAV."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())


def write_picture(path: Path, image: Image) -> None:
    """Write HxWx3 BGR as PNG. Raises SourceError where that fails, as on a full disk."""
    try:
        write_image(path, image, cv2.IMWRITE_PNG_COMPRESSION, 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or 'cannot be written'}") from error
