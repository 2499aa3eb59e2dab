"""What the actors of a cluster judge with: the models that are named travel as bytes, shipped ones by their name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..scan.scanner import Job
from ..scoring.models import FACES, VOICES, face_file, int8_file, still_file, voice_file, window_file

MEMORY = 8 << 30
"Address space of a process that judges on a CPU, bytes."
PIXELS = 1 << 30
"Of one picture, as OpenCV itself has it."


@dataclass(frozen=True, slots=True)
class Shipped:
    """A file, and what has to lie beside it."""

    name: str
    files: dict[str, bytes]

    def placed(self, folder: Path) -> Path:
        """Write them into a folder; return the one that is named."""
        folder.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder / self.name


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of the processes that judge."""

    engine: str
    faces: str
    model: str | Shipped | None
    voice_model: str | Shipped | None
    detector: Shipped | None
    "The user's own face detector."
    every_frame: bool
    "Of long films, too."
    seconds: float
    "A file that takes longer to be judged is given up."

    def settings(self, folder: Path) -> dict[str, Any]:
        """Return what a worker process is told, its files being in the folder."""
        faces = self.faces if self.detector is None else f"insightface:{self.detector.placed(folder / 'detector')}"
        told: dict[str, Any] = {"engine": self.engine, "faces": faces, "folder": str(folder)}
        told["every_frame"] = self.every_frame
        for key, model in (("model", self.model), ("voice_model", self.voice_model)):
            if model is not None:
                told[key] = str(model.placed(folder / key)) if isinstance(model, Shipped) else model
        return told | {"memory": MEMORY, "pixels": PIXELS}


def setup(job: Job, seconds: float) -> Setup:
    """Read the files that a job names; a file that takes more than so many seconds is given up.

    Raises:
        ConfigError: one of them is not there, or heat maps are asked for: these are drawn where the files are judged.
    """
    if job.explain is not None:
        raise ConfigError("--explain does not go with --cluster: scan the files of interest again without it")
    name, _, detector = job.faces.partition(":")
    return Setup(
        job.engine,
        job.faces,
        _face(job.model),
        _voice(job.voice_model),
        _shipped("--faces", Path(detector)) if name == "insightface" and detector else None,
        job.every_frame,
        seconds,
    )


def _face(model: Path | None) -> str | Shipped | None:
    if model is None or str(model) in FACES:
        return None if model is None else str(model)
    face = face_file(model)
    window = window_file(face)
    return _shipped("--model", face, window, window.with_suffix(".onnx"), int8_file(face), still_file(face))


def _voice(model: Path | None) -> str | Shipped | None:
    if model is None or str(model) in VOICES:
        return None if model is None else str(model)
    return _shipped("--voice-model", voice_file(model))


def _shipped(option: str, path: Path, *beside: Path) -> Shipped:
    """A TensorRT plan has its description beside it."""
    wanted = [path, *beside, *(file.with_name(f"{file.name}.json") for file in (path, *beside))]
    try:
        files = {file.name: file.read_bytes() for file in dict.fromkeys(wanted) if file == path or file.is_file()}
    except OSError as error:
        raise ConfigError(f"{option} {path}: {(error.strerror or 'cannot be read').lower()}") from None
    return Shipped(path.name, files)
