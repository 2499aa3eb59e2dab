"""All that a page or a report tells of one judged file, as plain JSON, beside the pictures that it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...engines import Engine
from ..scoring.models import Models
from ..types import Report
from .credentials import credentials
from .json_line import line
from .recorder import Recorder

_CHUNK = 1 << 20
_HEAT = "face{}-heat.png"
_NO_PICTURES: Mapping[str, Any] = {"poster": None, "frames": {}, "heat": {}}


def findings(
    report: Report, recorder: Recorder, media: Path, name: str, models: Models, folder: Path
) -> dict[str, Any]:
    """Write the pictures of a judged file and return what is told of it.

    Args:
        report: on the file.
        recorder: looked on while it was judged.
        media: the file.
        name: what the user calls it.
        models: that judged.
        folder: gets the pictures.

    Returns:
        `report` (see `json_line`), `name`, `sha256`, `size` (bytes), `pictures` (names in the folder: `poster`, and one
        a face in `frames` and `heat`), `poster`, `looked_at`, `credentials`, `models`, `software`.

    Raises OSError, SourceError where a picture cannot be written or the file cannot be read.
    """
    digest, size = _hash(media)
    pictures = _pictures(report, recorder, folder)
    return {
        "report": _told(report, media, name),
        "name": name,
        "sha256": digest,
        "size": size,
        "poster": pictures["poster"],
        "pictures": pictures,
        "looked_at": _looked_at(recorder),
        "credentials": credentials(media),
        "models": [_model(engine) for engine in _engines(models)],
        "software": software(),
    }


def figures(report: Report) -> dict[str, Any]:
    """Return the same for a file of which there is only the report: what was judged before, or cannot be."""
    name, sha256 = report.model.get("name", ""), report.model.get("sha256", "")
    frames = sum(int(face.get("frames", 0)) for face in report.faces)
    return {
        "report": line(report),
        "name": report.path,
        "sha256": None,
        "size": None,
        "pictures": _NO_PICTURES,
        "looked_at": {"width": None, "height": None, "scored": frames, "sound_seconds": 0, "speech_verdicts": 0},
        "credentials": None,
        "models": [{"name": name, "sha256": sha256, "engine": ""}] if name else [],
        "software": software(),
    }


def software() -> str:
    """Return name and version of this program."""
    try:
        return f"truefeed {version('truefeed')}"
    except PackageNotFoundError:
        return "truefeed"


def _pictures(report: Report, recorder: Recorder, folder: Path) -> dict[str, Any]:
    told = recorder.pictures(folder) | {"heat": {}}
    if report.status == "error" or not report.faces:
        return told
    for face in recorder.write(report, folder).faces:
        if "heatmap" in face:
            name = _HEAT.format(face["id"])
            Path(face["heatmap"]).replace(folder / name)
            told["heat"][str(face["id"])] = name
    return told


def _told(report: Report, media: Path, name: str) -> dict[str, Any]:
    """Return the report with the user's name of the file in place of ours, and of this machine nothing."""
    error = report.error.replace(str(media), name) if report.error else None
    told = line(replace(report, path=name, error=error))
    told["faces"] = [{k: v for k, v in face.items() if k != "heatmap"} for face in told["faces"]]
    return told


def _hash(media: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with media.open("rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
            size += len(data)
    return digest.hexdigest(), size


def _looked_at(recorder: Recorder) -> dict[str, Any]:
    width, height = recorder.size or (None, None)
    return {
        "width": width,
        "height": height,
        "frames": recorder.frames,
        "scored": recorder.scored,
        "sound_seconds": round(recorder.heard, 1),
        "speech_verdicts": recorder.speech,
    }


def _engines(models: Models) -> list[Engine]:
    return [e for e in (models.face, models.face_window, models.still, models.voice) if e is not None]


def _model(engine: Engine) -> dict[str, Any]:
    card = engine.card
    told: dict[str, Any] = {"engine": engine.device, "sha256": engine.sha256}
    if card is not None:
        told |= {"task": card.task, "name": card.name, "version": card.version, "thresholds": dict(card.thresholds)}
        told["thresholds_sha256"] = hashlib.sha256(json.dumps(told["thresholds"], sort_keys=True).encode()).hexdigest()
    return told
