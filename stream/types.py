"""The values that travel between the parts. All are frozen; None means "not known", never 0.

`t` is media time and decides; `arrived` is `time.monotonic()` and only measures latency. The audio and the video of one
source share one origin of `t`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Status = Literal["real", "uncertain", "fake"]
StreamState = Literal["connecting", "online", "stalled", "retrying", "ended"]


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One decoded picture."""

    image: Image
    "HxWx3, uint8, BGR, upright (rotation metadata applied)."
    t: float
    "Media time, s."
    arrived: float
    "When the packet that completed it was received, s, monotonic."
    discontinuity: bool = False
    "True on the first frame after a gap, a reconnection, a timestamp jump or a size change: windows start anew."
    bitrate_kbps: float | None = None
    "Of the compressed video over the last seconds, kbit/s; the same however the source is read."
    loss: float | None = None
    "Share of the video that was lost on the way over the last seconds, packets or pictures, whichever is more, 0..1."
    screen: tuple[int, int, int, int] | None = None
    "Of a picture of the screen: where on it, left, top, width and height, px of the screen."


@dataclass(frozen=True, eq=False, slots=True)
class AudioChunk:
    """A run of decoded sound."""

    samples: Floats
    "(n,), mono, -1..1."
    rate: int
    "Hz."
    t: float
    "Media time of the first sample, s."
    arrived: float
    "s, monotonic."
    discontinuity: bool = False
    "As in Frame."


@dataclass(frozen=True, slots=True)
class StateChange:
    """A source went from one state to another."""

    state: StreamState
    detail: str = ""
    "Why, with credentials removed."
    arrived: float = 0.0
    "s, monotonic."
    participant: str | None = None
    "Whose, in a room of several."


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One detected face."""

    box: Floats
    "(4,), left, top, right, bottom, px of the frame."
    points: Floats
    "(5, 2), right eye, left eye, nose tip, right and left mouth corner as seen in the picture from left to right, px."
    score: float
    "Detector confidence, 0..1."


@dataclass(frozen=True, eq=False, slots=True)
class Track:
    """A face followed over time."""

    id: int
    "Unique within the source, from 1."
    face: Face
    "The latest detection."
    born: float
    "Media time of the first detection, s."
    seen: float
    "Media time of the latest detection, s."


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """What a temporal engine sees of one face or voice."""

    rows: Floats
    "(L, D), one embedding a scored frame, oldest first."
    times: npt.NDArray[np.float64]
    "(L,), media time, s."


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What is thought of one face at one moment."""

    id: int
    "The track's id."
    fake: float | None
    "Calibrated probability that the face is made by a machine, 0..1; None where nothing was scored yet."
    status: Status
    reasons: tuple[str, ...]
    "Why it is uncertain, from the fixed list in truefeed.stream.faces.quality; empty where it is not."
    box: tuple[float, float, float, float]
    "Left, top, right, bottom, px."


@dataclass(frozen=True, slots=True)
class VoiceVerdict:
    """What is thought of the voice at one moment."""

    t: float
    "Media time of the end of the window, s."
    fake: float | None
    "Calibrated probability that the voice is made by a machine, 0..1; None where no speech was scored."
    status: Status
    reasons: tuple[str, ...]
    speech: float
    "Speech in the window, s."
    since: float | None = None
    "Media time at which the oldest second of speech ended that the score goes back to, s; None where that is not told."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of a source at one moment."""

    source: str
    "The source's name, credentials removed."
    t: float
    "Media time of the frame (or of the end of the audio window), s."
    fake: float | None
    "Fused probability, 0..1."
    status: Status
    reasons: tuple[str, ...]
    voice: float | None
    "The latest voice probability, 0..1; None where no speech was scored."
    faces: tuple[FaceVerdict, ...]
    latency: float | None
    "From arrival of the frame to this verdict, s."
    participant: str | None = None
    "Whose, in a room of several."


@dataclass(frozen=True, slots=True)
class Alert:
    """An alarm went up or down."""

    source: str
    raised: bool
    subject: str
    "`face N`, `voice` or `stream`."
    probability: float
    t: float
    "Media time, s."
    evidence: str | None = None
    "The folder of the evidence, where it is kept."
    participant: str | None = None
    "Whose, in a room of several."
    detail: str = ""
    "Why it was cleared, where it was not by what was seen or heard."


@dataclass(frozen=True, slots=True)
class Report:
    """What is thought of one file; the JSON line of `truefeed scan`."""

    path: str
    kind: Literal["video", "image", "audio"] | None
    status: Literal["real", "uncertain", "fake", "error"]
    fake_probability: float | None
    voice_probability: float | None
    reasons: tuple[str, ...]
    faces: tuple[dict[str, Any], ...]
    "One a track: id, fake, status, reasons, first and last time, frames scored."
    timeline: tuple[dict[str, float], ...]
    "{t, fake} a second."
    seconds: float | None
    "Length of the media, s."
    model: dict[str, str] = field(default_factory=dict)
    "name and sha256."
    error: str | None = None
    unreadable: float | None = None
    "Share of the file that could not be read, 0..1; None where that is not known, as of a picture."
    tracks: tuple[dict[str, Any], ...] = ()
    "What is thought of each track after the first of its kind: track, kind, status, fake, reasons, or error."
    notes: tuple[str, ...] = ()
    "What a person should know beside the verdict, in words."
    sampled: dict[str, float] | None = None
    "Of a film of which a sample was looked at: frames, looked_at, run and every (lengths, s); None where all was."
