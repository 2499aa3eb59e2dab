"""Who looks on is told everything, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from clips import face_picture, moving_face
from models import write_models, write_still
from truefeed.stream.scoring.analyzer import Analyzer
from truefeed.stream.scoring.models import Models
from truefeed.stream.scoring.observer import Observer, Sight
from truefeed.stream.types import AudioChunk, Face, Floats, Frame, Image, Verdict, VoiceVerdict


class Notes(Observer):
    def __init__(self) -> None:
        self.sights: list[Sight] = []
        self.wholes: list[tuple[int, float, tuple[int, ...]]] = []
        self.frames: list[tuple[float, Verdict | None, dict[int, float | None]]] = []
        self.sounds: list[VoiceVerdict | None] = []
        self.pictures: list[int] = []

    def face(self, sight: Sight) -> None:
        self.sights.append(sight)

    def whole(self, face: int, crop: Image, logit: float, evidence: Floats) -> None:
        self.wholes.append((face, logit, evidence.shape))

    def frame(self, frame: Frame, verdict: Verdict | None, logits: Mapping[int, float | None]) -> None:
        self.frames.append((frame.t, verdict, dict(logits)))

    def audio(self, chunk: AudioChunk, verdict: VoiceVerdict | None) -> None:
        self.sounds.append(verdict)

    def image(self, image: Image, faces: Sequence[Face]) -> None:
        self.pictures.append(len(faces))


def test_an_observer_is_told_all_of_a_clip_and_of_a_picture(tmp_path: Path) -> None:
    path = write_models(tmp_path)
    write_still(tmp_path / "face-still.onnx")
    models = Models.load("cpu", face_model=path, stills=True)
    notes = Notes()
    watched, alone = Analyzer(models, source="clip", observer=notes), Analyzer(models, source="clip")
    said = []
    for number, image in enumerate(moving_face(2, fps=30)):
        frame = Frame(image, number / 30, 0.0)
        said.append(watched.frame(frame))
        other = alone.frame(frame)
        assert (said[-1] and said[-1].faces) == (other and other.faces)
    assert [verdict for _, verdict, _ in notes.frames] == said
    scored = [verdict for verdict in said if verdict is not None]
    assert 0 < len(scored) < len(said)  # skipped ones are told too
    assert [sight.t for sight in notes.sights] == [verdict.t for verdict in scored if verdict.faces]
    assert watched.logits() == alone.logits()
    t, last, logits = next(entry for entry in reversed(notes.frames) if entry[1] is not None)
    assert last is not None
    assert t == last.t
    assert list(logits) == [face.id for face in last.faces] == list(watched.logits())

    chunk = AudioChunk(np.zeros(1600, np.float32), 16000, 0.0, 0.0)
    assert watched.audio(chunk) is None
    assert notes.sounds == [None]

    summary = watched.image(face_picture())
    (face,) = summary.faces
    assert notes.pictures == [1]
    assert notes.sights[-1].quality.face_px > 50
    ((number, logit, shape),) = notes.wholes
    assert number == face["id"] == 1
    assert len(shape) == 2
    assert watched.image(face_picture()) == alone.image(face_picture())
    assert np.isfinite(logit)
    assert notes.sights[-1].logit == pytest.approx(notes.sights[-2].logit)
    models.close()
