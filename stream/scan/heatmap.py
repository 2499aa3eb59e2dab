"""Where the evidence lies: of each face the frame that looks most manipulated, with a heat map on it.

The map is the model's own: it was trained to mark what was blended in (Li et al., "Face X-ray", 2020). For a face that
looks synthesised as a whole, it is the class activation map of that model (Zhou et al., CVPR 2016), whose mean is the
logit. Colours stand for probabilities, not for ranks: a face without evidence stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..calibration import sigmoids
from ..errors import SourceError
from ..image_file import write_image
from ..scoring.models import Models, card_of
from ..scoring.observer import Observer, Sight
from ..sinks.drawing import INK, MUTED, WHITE, Rect, fill, fit, text
from ..sinks.text import clock
from ..types import Floats, Image, Report

_SIDE, _FOOT, _GAP = 320, 64, 8
_MOST = 64
"Faces whose picture is kept; of more, the most suspicious."


class Explainer(Observer):
    """Keeps of each face the picture with the strongest evidence.

    Args:
        models: that judge.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._sights: dict[int, Sight] = {}
        self._wholes: dict[int, tuple[Image, Floats]] = {}

    def face(self, sight: Sight) -> None:
        """See `Observer.face`."""
        known = self._sights.get(sight.id)
        if known is None or _telling(sight) > _telling(known):
            self._sights[sight.id] = sight
        if len(self._sights) > _MOST:
            del self._sights[min(self._sights, key=lambda i: _telling(self._sights[i]))]

    def whole(self, face: int, crop: Image, logit: float, evidence: Floats) -> None:
        """See `Observer.whole`."""
        self._wholes[face] = crop, evidence

    def write(self, report: Report, folder: Path) -> Report:
        """Write a PNG a face into the folder and return the report with its name as `heatmap` of the face.

        Raises SourceError where that fails.
        """
        faces = []
        for face in report.faces:
            number = int(face["id"])
            sight = self._sights.get(number)
            if sight is None:
                faces.append(face)
                continue
            crop, odds, kind = self._evidence(sight, whole=face.get("evidence") == "synthesised")
            head = f"Face {number}" + ("" if report.kind == "image" else f" at {clock(sight.t)}")
            path = folder / f"{_stem(report.path)}-face{number}.png"
            try:
                write_image(path, draw(crop, odds, head, f"Evidence of {kind}"))
            except OSError as error:
                raise SourceError(f"--explain {path}: {(error.strerror or 'cannot be written').lower()}") from None
            faces.append({**face, "heatmap": str(path)})
        return replace(report, faces=tuple(faces))

    def _evidence(self, sight: Sight, *, whole: bool) -> tuple[Image, Floats, str]:
        """Return the crop, the calibrated log-odds on it, and of what they are evidence."""
        if whole and sight.id in self._wholes and self._models.still is not None:
            crop, found = self._wholes[sight.id]
            a, b = card_of(self._models.still).calibration
            return crop, a * found + b, "synthesis"
        a, b = card_of(self._models.face_window).calibration
        return sight.crop, a * sight.evidence + b, "manipulation"


def _telling(sight: Sight) -> tuple[bool, float]:
    return not sight.doubts, sight.logit


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
    heat = cv2.resize(sigmoids(evidence), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
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
