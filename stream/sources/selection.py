"""Which tracks of a container are read: the first of each kind that can be decoded, or one that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ..errors import SourceError


class UndecodableError(SourceError):
    """There is no decoder for what a container holds."""

    def __init__(self, stream: Stream) -> None:
        self.index = stream.index
        "Of the first such track, among all of the container."
        super().__init__(f"there is no decoder for its {'sound' if stream.type == 'audio' else 'video'}")


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a container that is not read."""

    index: int
    kind: Literal["video", "audio"]
    decodable: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The tracks that are read, and the others."""

    video: VideoStream | None
    audio: AudioStream | None
    others: tuple[Track, ...] = ()

    @property
    def streams(self) -> list[Stream]:
        """Those that there are, the video first."""
        return [stream for stream in (self.video, self.audio) if stream is not None]


def pictures(container: InputContainer) -> list[VideoStream]:
    """Return the video tracks; the cover of an album is none."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def decodable(stream: Stream) -> bool:
    """Tell whether this build of FFmpeg has a decoder for the track."""
    return stream.codec_context is not None


def select(container: InputContainer, *, audio: bool = True, only: int | None = None) -> Selection:
    """Choose the tracks to read.

    Args:
        container: an open one.
        audio: sound is wanted too.
        only: the index of the one track that is wanted; None for the first video and the first sound with a decoder.

    Raises:
        UndecodableError: there are pictures, or nothing but sound, and no track of them has a decoder. What shows
            something is not judged by its sound alone.
        SourceError: there is neither.
    """
    videos = pictures(container)
    sounds = list(container.streams.audio) if audio else []
    if only is not None:
        videos, sounds = ([s for s in videos if s.index == only], [s for s in sounds if s.index == only])
    video, sound = next(filter(decodable, videos), None), next(filter(decodable, sounds), None)
    if video is None and (videos or sound is None):
        for stream in (*videos, *sounds):
            raise UndecodableError(stream)
        raise SourceError("there is neither video nor sound in it")
    others = [Track(s.index, "video", decodable(s)) for s in videos if s is not video]
    others += [Track(s.index, "audio", decodable(s)) for s in sounds if s is not sound]
    return Selection(video, sound, tuple(others))
