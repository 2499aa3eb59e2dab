"""Where the evidence lies: of each face the frame that looks most manipulated, with a heat map on it.

The map is the model's own: it was trained to mark what was blended in (Li et al., "Face X-ray", 2020). For a face that
looks synthesised as a whole, it is the class activation map of that model (Zhou et al., CVPR 2016), whose mean is the
logit. Colours stand for probabilities, not for ranks: a face without evidence stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..errors import SourceError
from ..image_file import write_image
from ..scoring.analyzer import Analyzer
from ..scoring.models import Models
from ..sinks.drawing import INK, MUTED, WHITE, Rect, fill, fit, text
from ..sinks.text import clock
from ..types import Floats, Image, Report

_SIDE, _FOOT, _GAP = 320, 64, 8
_MOST = 64
"Faces whose picture is kept; of more, the most suspicious."


@dataclass(frozen=True, eq=False, slots=True)
class _Sight:
    """One face in one frame."""

    t: float
    crop: Image
    evidence: Floats
    logit: float
    clear: bool
    "False where there was a doubt about the frame."


class Explainer(Analyzer):
    """The analyzer of scan, that keeps of each face the frame with the strongest evidence."""

    def __init__(self, models: Models, *, source: str) -> None:
        super().__init__(models, source=source)
        self._sights: dict[int, _Sight] = {}
        self._wholes: dict[int, _Sight] = {}

    def _note(self, t: float, face: int, crop: Image, evidence: Floats, logit: float, doubts: Sequence[str]) -> None:
        sight, known = _Sight(t, crop, evidence, logit, not doubts), self._sights.get(face)
        if known is None or (sight.clear, sight.logit) > (known.clear, known.logit):
            self._sights[face] = sight
        if len(self._sights) > _MOST:
            del self._sights[min(self._sights, key=lambda i: (self._sights[i].clear, self._sights[i].logit))]

    def _note_whole(self, face: int, crop: Image, logit: float, evidence: Floats) -> None:
        self._wholes[face] = _Sight(0.0, crop, evidence, logit, clear=True)

    def write(self, report: Report, folder: Path) -> Report:
        """Write a PNG a face into the folder and return the report with its name as `heatmap` of the face.

        Raises SourceError where that fails.
        """
        faces = []
        for face in report.faces:
            number = int(face["id"])
            whole = face.get("evidence") == "synthesised" and number in self._wholes
            sight = self._wholes[number] if whole else self._sights.get(number)
            if sight is None:
                faces.append(face)
                continue
            a, b = self._stills.card.calibration if whole and self._stills else self._scorer.window_card.calibration
            kind = "synthesis" if whole else "manipulation"
            head = f"Face {number}" + ("" if report.kind == "image" else f" at {clock(sight.t)}")
            path = folder / f"{_stem(report.path)}-face{number}.png"
            try:
                write_image(path, draw(sight.crop, a * sight.evidence + b, head, f"Evidence of {kind}"))
            except OSError as error:
                raise SourceError(f"--explain {path}: {(error.strerror or 'cannot be written').lower()}") from None
            faces.append({**face, "heatmap": str(path)})
        return replace(report, faces=tuple(faces))


def _stem(path: str) -> str:
    """A name that tells the file and is unique to its path."""
    plain = re.sub(r"[^\w.-]+", "_", Path(path).stem, flags=re.ASCII).strip("._")[:60] or "file"
    return f"{plain}-{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]}"


def draw(crop: Image, evidence: Floats, head: str, legend: str) -> Image:
    """Draw the crop beside itself under the heat map.

    Args:
        crop: (S, S, 3) BGR.
        evidence: (h, w) log-odds.
        head: of whom and when.
        legend: what the colours stand for.
    """
    plain = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    heat = cv2.resize(1 / (1 + np.exp(-np.clip(evidence, -30, 30))), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat, 0, 1)
    colour = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (0.55 * heat)[..., None]
    sheet = np.full((_SIDE + _FOOT, 2 * _SIDE + _GAP, 3), INK, np.uint8)
    sheet[:_SIDE, :_SIDE] = plain
    sheet[:_SIDE, _SIDE + _GAP :] = plain * (1 - share) + colour * share
    text(sheet, fit(head, 18, _SIDE - 24), 12, _SIDE + _FOOT // 2, 18, WHITE)
    left = _SIDE + _GAP + 12
    text(sheet, fit(legend, 16, _SIDE - 24), left, _SIDE + 18, 16, MUTED)
    ramp = cv2.applyColorMap(np.linspace(0, 255, 180).astype(np.uint8)[None], cv2.COLORMAP_INFERNO)
    fill(sheet, Rect(left + 24, _SIDE + 37, left + 206, _SIDE + 51), MUTED)
    sheet[_SIDE + 38 : _SIDE + 50, left + 25 : left + 205] = ramp
    text(sheet, "0", left, _SIDE + 44, 15, MUTED)
    text(sheet, "1", left + 218, _SIDE + 44, 15, MUTED)
    return sheet
