"""A folder for each alert: what was seen, what was thought of it, and by which models. Only where it was asked for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import cv2

from ...engines import Engine
from ..errors import ConfigError
from ..image_file import write_image
from ..redaction import encodable, redact
from ..scoring.models import Models
from ..types import Alert, Frame, StateChange, Verdict
from .base import Sink
from .jsonl import alert_event, dumps, fit_for_json, verdict_event
from .overlay import Overlay
from .queued import Queue

STRETCH = 30.0
"Verdicts of so much media time before the alert are kept with it, s."


class Clips(Protocol):
    """What holds the last seconds as they came: a PacketRing."""

    def held(self) -> Callable[[Path], Path | None]:
        """Take hold of what is there now; returns what writes it.

        That takes a path, whose suffix may change, and returns the file, None where there is nothing. Raises OSError.
        """


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is written of one alert, as it stood when the alert was raised."""

    alert: Alert
    now: datetime
    frame: Frame | None
    overlay: Overlay
    verdicts: Sequence[Verdict]
    write_clip: Callable[[Path], Path | None] | None


class Evidence(Sink):
    """Keeps a folder for every alert that is raised, and sets `evidence` of the alert to it.

    `alert.json` tells alert, models with their sha256, thresholds and settings; `frame.png` is the picture as it came
    and `frame.jpg` the one with the overlay; `clip.mp4` holds the seconds before the alert as they were sent, not
    encoded anew; `verdicts.jsonl` the verdicts up to it; `manifest.json` the sha256 of each. A folder appears whole or
    not at all, and only its owner may read it. It is written beside the watching: an alert is told at once, and names
    the folder, which is there a moment later.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        models: Models | None = None,
        clips: Clips | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        queue: Queue | None = None,
    ) -> None:
        """Make sure that the folder can be written to.

        Args:
            folder: where the folders of the alerts are put.
            source: the source's name.
            models: that judge it.
            clips: the source's packets; None: no clip.
            settings: written into alert.json, such as those of the alarm.
            queue: does the writing; None: `keep` does, and raises OSError.

        Raises:
            ConfigError: the folder can't be written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--evidence {folder}: {error.strerror or error}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"--evidence {folder}: not allowed to write there")
        self._folder, self._models, self._clips = folder, models, clips
        self._settings = dict(settings or {})
        self._overlay = Overlay(source, raise_at=self._settings.get("raise_at"))
        self._verdicts: deque[Verdict] = deque()
        self._frame: Frame | None = None
        self._queue = queue
        self._names: deque[str] = deque(maxlen=100)

    def state(self, source: str, change: StateChange) -> None:
        self._overlay.state(change)

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        self._overlay.verdict(verdict)
        self._frame = frame
        if self._verdicts and verdict.t < self._verdicts[-1].t:
            self._verdicts.clear()
        self._verdicts.append(verdict)
        while self._verdicts[0].t < verdict.t - STRETCH:
            self._verdicts.popleft()

    def keep(self, alert: Alert) -> Alert:
        """Have the folder written and return the alert with its path, without one where the disk is too slow."""
        self._overlay.alert(alert)
        if not alert.raised:
            return alert
        now = datetime.now(UTC)
        stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
        goal = self._folder / self._free(f"{stamp}-{_slug(redact(alert.source))}-{_slug(alert.subject)}")
        kept = replace(alert, evidence=str(goal))
        held = self._clips.held() if self._clips is not None else None
        case = _Case(kept, now, self._frame, deepcopy(self._overlay), tuple(self._verdicts), held)
        if self._queue is None:
            self._write(case, goal)
        elif not self._queue.put(partial(self._write, case, goal)):
            return alert
        return kept

    def _write(self, case: _Case, goal: Path) -> None:
        part = Path(tempfile.mkdtemp(prefix=".partial-", dir=self._folder))
        try:
            self._fill(part, case)
            part.rename(goal)
        except BaseException:  # Ctrl-C too: nothing half-written stays
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _fill(self, folder: Path, case: _Case) -> None:
        if case.frame is not None:
            write_image(folder / "frame.png", case.frame.image, cv2.IMWRITE_PNG_COMPRESSION, 1)
            drawn = case.overlay.draw(case.frame.image, case.frame.t)
            write_image(folder / "frame.jpg", drawn, cv2.IMWRITE_JPEG_QUALITY, 92)
        if case.write_clip is not None:
            case.write_clip(folder / "clip.mp4")
        lines = "".join(dumps(verdict_event(verdict)) + "\n" for verdict in case.verdicts)
        (folder / "verdicts.jsonl").write_text(encodable(lines), "utf-8")
        _json(folder / "alert.json", self._about(case.alert, case.now))
        _json(folder / "manifest.json", {file.name: _identity(file) for file in sorted(folder.iterdir())})

    def _about(self, alert: Alert, now: datetime) -> dict[str, Any]:
        models = self._models
        engines = [models.face, models.face_window, models.voice] if models else []
        return {
            "alert": alert_event(alert),
            "time": now.isoformat(timespec="milliseconds"),
            "software": {"name": "truefeed", "version": _version()},
            "models": [_engine(engine) for engine in engines if engine is not None],
            "settings": self._settings,
        }

    def _free(self, name: str) -> str:
        """Return name, numbered where it was given out already; the disk is not asked, as that may take its time."""
        goal, number = name, 2
        while goal in self._names:
            goal, number = f"{name}-{number}", number + 1
        self._names.append(goal)
        return goal


def _engine(engine: Engine) -> dict[str, Any]:
    card = engine.card
    known = {"sha256": engine.sha256, "engine": engine.device}
    if card is None:
        return known
    return {
        "task": card.task,
        "name": card.name,
        "version": card.version,
        **known,
        "calibration": list(card.calibration),
        "thresholds": dict(card.thresholds),
    }


def _identity(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(encodable(json.dumps(fit_for_json(value), indent=2, ensure_ascii=False)) + "\n", "utf-8")


def _slug(name: str) -> str:
    """Return name as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-40:].strip("-").lower() or "source"


def _version() -> str:
    try:
        return version("truefeed")
    except PackageNotFoundError:
        return "unknown"
