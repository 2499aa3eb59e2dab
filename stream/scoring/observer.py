"""What looks on while a source is scored (heat maps, a page's player, an evaluation); it changes no score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..faces.quality import Quality
from ..types import AudioChunk, Face, Floats, Frame, Image, Verdict, VoiceVerdict


@dataclass(frozen=True, eq=False, slots=True)
class Sight:
    """One face in one scored picture, as the model of manipulated faces saw it."""

    t: float
    "Media time, s."
    id: int
    "Of the face."
    crop: Image
    "(S, S, 3) BGR."
    evidence: Floats
    "(h, w), the model's map, log-odds before calibration."
    logit: float
    "Of this picture alone, before calibration; of a still picture that of the whole verdict."
    doubts: tuple[str, ...]
    "Why it is poor evidence."
    quality: Quality


class Observer:
    """Is told what an analyzer sees and says. One overrides what it has a use for; the rest does nothing."""

    def face(self, sight: Sight) -> None:
        """A face was scored in a frame, or in a still picture."""

    def whole(self, face: int, crop: Image, logit: float, evidence: Floats) -> None:
        """The model of synthesised faces saw a face of a still picture: its crop, logit and (h, w) map of logits."""

    def frame(self, frame: Frame, verdict: Verdict | None, logits: Mapping[int, float | None]) -> None:
        """A frame has passed; verdict is None where it was not scored, logits are those of the verdict's faces."""

    def audio(self, chunk: AudioChunk, verdict: VoiceVerdict | None) -> None:
        """A chunk of sound was heard; verdict is the one that it completed, if any."""

    def image(self, image: Image, faces: Sequence[Face]) -> None:
        """A still picture, HxWx3 BGR, is about to be scored; its faces are numbered from 1 in this order."""
