"""One file to one report, and many files to many, in order."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import cv2

from ...engines import EngineError
from ..config.settings import ModelSettings
from ..errors import TruefeedError
from ..pool import Pool
from ..redaction import redact
from ..scoring.analyzer import Analyzer
from ..scoring.models import Models, card_of
from ..scoring.summary import Summary
from ..types import Frame, Report
from .feed import feed, missing, notes
from .heatmap import Explainer
from .kept import keep
from .named import brought
from .picture import read_picture, unreadable
from .probe import Found, Kind, claims_media, is_webp, kind_of
from .recorder import Recorder
from .webp import read_animation


@dataclass(frozen=True, slots=True)
class Job(ModelSettings):
    """Which models judge; travels to the worker processes."""

    explain: Path | None = None
    "The folder that gets a heat map of every face; None = none are drawn."
    kept: Path | None = None
    "The folder that gets what a page tells of each file (see `kept`); None = nothing is kept."
    every_frame: bool = False
    "Look at every picture of a long film, too."

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the models that a process was told of by name: engine, faces, and, where given, model, voice_model."""
        files = {key: Path(value) for key in ("model", "voice_model") if (value := settings.get(key))}
        return cls(settings["engine"], settings["faces"], files.get("model"), files.get("voice_model"))

    def load(self) -> Models:
        """Raises EngineError, TruefeedError."""
        return Models.load(self.engine, self.faces, face_model=self.model, voice_model=self.voice_model, stills=True)


def judge_all(files: Sequence[Found], job: Job, *, jobs: int = 1) -> Generator[Report | None, None, None]:
    """Yield a report a file, in the order of files; None where a folder holds what is no media.

    Whoever stops early closes it, which ends the processes.

    Args:
        files: what to judge.
        job: with which models.
        jobs: processes; 1 is this one.

    Raises:
        EngineError, TruefeedError: the models cannot be loaded.
    """
    models = job.load()  # also where others do the work: a wrong model is told at once, and once
    if jobs == 1 or len(files) < 2:
        yield from (_judge(found, models, job) for found in files)
        return
    pool = Pool(_work, min(jobs, len(files)), _begin, (job,), _died)
    yield from pool.each(files)


def _judge(found: Found, models: Models, job: Job) -> Report | None:
    with brought(found) as here:
        return _explained(here, models, job)


def _explained(found: Found, models: Models, job: Job) -> Report | None:
    if job.explain is None and job.kept is None:
        return judge(found, models, every_frame=job.every_frame)
    explainer = Explainer(models) if job.kept is None else Recorder(models)
    analyzer = Analyzer(models, source=str(found.path), observer=explainer)
    report = judge(found, models, analyzer, every_frame=job.every_frame)
    if report is None:
        return None
    if job.kept is not None and isinstance(explainer, Recorder):
        keep(report, explainer, found.path, models, job.kept)
    if job.explain is None or not report.faces:
        return report
    try:
        return explainer.write(report, job.explain)
    except (OSError, ValueError, cv2.error) as error:
        told = failed(found.path, report.kind, f"{report.path}: no heat map of it can be written: {error}")
        return replace(told, path=report.path)


def judge(
    found: Found, models: Models, analyzer: Analyzer | None = None, *, every_frame: bool = False
) -> Report | None:
    """Judge one file; whatever is wrong with it stands in the report. None where a folder holds what is no media.

    A caller that wants to see more than the report brings the analyzer, fresh, with an observer. Of a long film a
    sample is looked at (see `skim`), unless every_frame.
    """
    report = _judged(found, models, analyzer, every_frame=every_frame)
    if report is None or found.shown is None:
        return report
    error = report.error and report.error.replace(str(found.path), redact(found.shown))
    return replace(report, path=redact(found.shown), error=error)


def _judged(found: Found, models: Models, analyzer: Analyzer | None, *, every_frame: bool) -> Report | None:
    if found.error is not None:
        return failed(found.path, None, found.error)
    kind: Kind | None = None
    try:
        kind = kind_of(found.path)
        if kind is None:
            return _no_media(found)
        if kind == "audio" and models.voice is None:
            raise EngineError(f"{found.path}: there is no voice model to judge a sound with; see `truefeed doctor`")
        analyzer = analyzer or Analyzer(models, source=str(found.path))
        if kind == "image":
            return _picture(found.path, analyzer, models)
        if is_webp(found.path):
            seconds = _animation(found.path, analyzer)
            return _report(found.path, kind, analyzer.summary(), seconds, models)
        fresh = partial(Analyzer, models, source=str(found.path))
        fed = feed(found.path, analyzer, fresh, every_frame=every_frame)
        report = _report(found.path, kind, fed.summary, fed.seconds, models)
        more = replace(report, tracks=fed.tracks, notes=tuple(notes(fed)), sampled=fed.sampled)
        return replace(more, unreadable=_rounded(fed.unreadable, 3))
    except (TruefeedError, EngineError, OSError, ValueError, MemoryError, cv2.error) as error:
        return failed(found.path, kind, str(error) or type(error).__name__)
    except Exception as error:  # whatever one file does to a library, the others are judged
        return failed(found.path, kind, f"{found.path}: {type(error).__name__}: {error}")


def _picture(path: Path, analyzer: Analyzer, models: Models) -> Report:
    image = read_picture(path)
    lost = unreadable(path, image)
    report = _report(path, "image", analyzer.image(image), None, models)
    return report if lost is None else replace(report, unreadable=_rounded(lost, 3), notes=tuple(missing(lost)))


def _animation(path: Path, analyzer: Analyzer) -> float | None:
    """Show it; return its length, s: for what FFmpeg does not read: animated WebP."""
    end: float | None = None
    for end, image in read_animation(path):
        analyzer.frame(Frame(image, end, time.monotonic()))
    return end


def _report(path: Path, kind: Kind, summary: Summary, seconds: float | None, models: Models) -> Report:
    return Report(
        path=redact(str(path)),
        kind=kind,
        status=summary.status,
        fake_probability=_rounded(summary.fake, 4),
        voice_probability=_rounded(summary.voice, 4),
        reasons=summary.reasons,
        faces=summary.faces,
        timeline=summary.timeline,
        seconds=_rounded(seconds, 3),
        model=_identity(models, sound=kind == "audio", still=kind == "image"),
    )


def _identity(models: Models, *, sound: bool, still: bool) -> dict[str, str]:
    if sound and models.voice is None:
        return {}
    engine = models.voice if sound and models.voice is not None else models.face
    card = card_of(engine)
    name = {"name": f"{card.name} {card.version}", "sha256": engine.sha256}
    return name | ({"still_sha256": models.still.sha256} if still and models.still is not None else {})


def _no_media(found: Found) -> Report | None:
    if not found.named and not claims_media(found.path):
        return None
    why = "no video, picture or sound can be found in it"
    if found.path.stat().st_size == 0:
        why = "the file is empty"
    elif claims_media(found.path):
        why += "; it is damaged or cut short"
    return failed(found.path, None, f"{found.path}: {why}")


def failed(path: Path | str, kind: Kind | None, error: str) -> Report:
    """Return the report of a file that could not be judged."""
    return Report(redact(str(path)), kind, "error", None, None, (), (), (), None, error=redact(error))


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


_worker: tuple[Models, Job] | None = None
"What a worker process judges with."


def _begin(job: Job) -> None:
    global _worker
    _worker = job.load(), job


def _work(found: Found) -> Report | None:
    assert _worker is not None
    return _judge(found, *_worker)


def _died(found: Found) -> Report | None:
    name = found.shown or str(found.path)
    return failed(name, None, f"{name}: the process that judged it died (out of memory?)")
