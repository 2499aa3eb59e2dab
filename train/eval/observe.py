"""One labelled file through the live path, and everything that an evaluation needs to know of it, as plain JSON.

What is kept of a face are logits, before calibration, and the reasons to doubt them. So calibration and thresholds can
be fitted and tried without looking at a frame again, and a cached observation stays good when only those change.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from ...engines import Card, Engine
from ...stream.atomic import write_text
from ...stream.faces.quality import Limits
from ...stream.scan.probe import Found
from ...stream.scan.scanner import Job, judge
from ...stream.scoring.analyzer import Analyzer
from ...stream.scoring.fusion import BORDERLINE
from ...stream.scoring.models import Models, card_of, face_file, int8_file, still_file, window_file
from ...stream.scoring.observer import Observer, Sight
from ...stream.types import AudioChunk, Face, Floats, Frame, Image, Report, Verdict, VoiceVerdict
from ..common.source_hash import source_hash

_MEASURE_EVERY = 1.0
"Quality of a face is noted so often, s of media time."
_NO_SCORE = ("calibration", "thresholds", "quality", "training", "name", "version")
"What a card says that a logit does not depend on; the limits of quality are looked at in full."


class Witness(Observer):
    """Writes down what the analyzer of scan sees and says on the way."""

    def __init__(self) -> None:
        self.verdicts: list[list[Any]] = []
        self.voices: list[list[Any]] = []
        self.quality: list[list[float | None]] = []
        self.wholes: dict[int, float] = {}
        "Logit of having been synthesised as a whole, a face of a still picture."
        self._measured: dict[int, float] = {}
        self._still = False

    def image(self, image: Image, faces: Sequence[Face]) -> None:
        self._still = True

    def frame(self, frame: Frame, verdict: Verdict | None, logits: Mapping[int, float | None]) -> None:
        if verdict is not None:
            faces = [[face.id, _rounded(logits[face.id]), _doubts(face.reasons)] for face in verdict.faces]
            self.verdicts.append([round(verdict.t, 4), faces])

    def audio(self, chunk: AudioChunk, verdict: VoiceVerdict | None) -> None:
        if verdict is not None:
            said = verdict
            self.voices.append([round(said.t, 4), said.fake, said.status, list(said.reasons), said.speech])

    def whole(self, face: int, crop: Image, logit: float, evidence: Floats) -> None:
        self.wholes[face] = logit

    def face(self, sight: Sight) -> None:
        if self._still or sight.t - self._measured.get(sight.id, -math.inf) < _MEASURE_EVERY:
            return
        self._measured[sight.id] = sight.t
        q = sight.quality
        known = (sight.t, sight.id, q.face_px, q.sharpness, q.misfit, q.score, q.bits)
        self.quality.append([None if v is None else round(float(v), 4) for v in known])

    def tracks(self, report: Report, analyzer: Analyzer, calibration: tuple[float, float]) -> list[list[Any]]:
        """Return [id, logit, doubts] a face: what `scan` calibrates and judges, before it does.

        Of a still picture there is a fourth: the logit of having been synthesised as a whole, None where not asked.
        """
        if report.kind != "image":
            doubts = {face["id"]: _doubts(face["reasons"]) for face in analyzer.summary().faces}
            return [[i, logit, doubts[i]] for i, logit in analyzer.logits().items()]
        a, b = calibration
        return [
            [
                face["id"],
                (_logit(float(face.get("manipulated", face["fake"]))) - b) / a,
                _doubts(face["reasons"]),
                self.wholes.get(face["id"]),
            ]
            for face in report.faces
        ]


def observe(path: Path, models: Models) -> dict[str, Any]:
    """Run one file through the live path.

    Returns:
        `kind`, `seconds`, `error`; `tracks`: [id, logit, doubts] over the whole file; `verdicts`: [t, [id, logit,
        doubts] a face] a scored frame; `voice`: [probability, status, reasons] over the file, or None; `voices`: [t,
        probability, status, reasons, speech s] on the way; `quality`: [t, id, face px, sharpness, misfit, detector
        score, bits a pixel a second] a second and face. Doubts are reasons without `borderline`.
    """
    witness = Witness()
    analyzer = Analyzer(models, source=path.name, observer=witness)
    report = judge(Found(path, named=True), models, analyzer, every_frame=True)
    if report is None or report.error is not None:
        why = (report.error or "").removeprefix(f"{path}: ") if report is not None else ""
        return {"kind": report.kind if report else None, "error": why or "no media"}
    voice = analyzer.voice()
    return {
        "kind": report.kind,
        "error": None,
        "seconds": report.seconds,
        "tracks": witness.tracks(report, analyzer, card_of(models.face_window).calibration),
        "verdicts": witness.verdicts,
        "voice": None if voice is None else [voice.fake, voice.status, list(voice.reasons), voice.speech],
        "voices": witness.voices,
        "quality": witness.quality,
    }


class Cache:
    """Observations kept in a folder, by what was observed and by what observed it."""

    def __init__(self, folder: Path, job: Job, models: Models) -> None:
        self._folder, self._models = folder, models
        self._by = scorer_key(job, models)
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, path: Path) -> dict[str, Any]:
        """Return the observation of path, made now where there is none."""
        try:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            return {"kind": None, "error": (error.strerror or "cannot be read").lower()}
        file = self._folder / f"{hashlib.sha256(f'{content} {self._by}'.encode()).hexdigest()[:32]}.json"
        if file.exists():
            return dict(json.loads(file.read_text()))
        seen = observe(path, self._models)
        write_text(file, json.dumps(seen))
        return seen


def scorer_key(job: Job, models: Models) -> str:
    """Return a hash of all that a logit depends on: weights, how they are fed, the limits of quality, the code."""
    face = face_file(job.model)
    int8 = "int8_of" in card_of(models.face).training
    parts = [job.faces, models.voice.sha256 if models.voice is not None else ""]
    for path, engine in ((int8_file(face) if int8 else face, models.face), (window_file(face), models.face_window)):
        parts += [engine.device, _fed(card_of(engine)), _weights(path, engine)]
    if models.still is not None:
        parts.append(_weights(still_file(face), models.still) + _fed(card_of(models.still)))
    limits = Limits.of({**card_of(models.face).quality, **card_of(models.face_window).quality})
    parts.append(json.dumps(asdict(limits), sort_keys=True))
    parts.append(source_hash(Path(__file__)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _fed(card: Card) -> str:
    return json.dumps({k: v for k, v in asdict(card).items() if k not in _NO_SCORE}, sort_keys=True)


def _weights(path: Path, engine: Engine) -> str:
    """Hash the graph without its card, so that a new calibration does not throw old observations away."""
    if path.suffix != ".onnx" or not path.is_file():
        return engine.sha256
    graph = onnx.load(str(path))
    del graph.metadata_props[:]
    return hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()


def _doubts(reasons: Sequence[str]) -> list[str]:
    return [reason for reason in reasons if reason != BORDERLINE]


def _logit(p: float) -> float:
    p = min(max(p, 1e-5), 1 - 1e-5)
    return math.log(p / (1 - p))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
