"""Strokes of the overlay: text, translucent panels, bars and boxes, drawn in place and anti-aliased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from ..redaction import displayable, redact
from ..types import Image, Status

Colour = tuple[int, int, int]
"Blue, green, red, 0..255."

WHITE: Colour = (250, 250, 250)
MUTED: Colour = (190, 184, 178)
FAINT: Colour = (120, 112, 106)
INK: Colour = (24, 20, 18)
RED: Colour = (72, 64, 239)
AMBER: Colour = (40, 180, 250)
GREEN: Colour = (150, 211, 52)
BLUE: Colour = (248, 178, 96)
STATUS: dict[Status, Colour] = {"real": GREEN, "uncertain": AMBER, "fake": RED}
INKED: dict[Status, Colour] = {"real": GREEN, "uncertain": AMBER, "fake": (118, 118, 255)}
"As STATUS, for words: red on dark is lightened until it can be read."
WORD: dict[Status, str] = {"real": "Real", "uncertain": "Unsure", "fake": "Fake"}

# OpenCV 5 draws a real typeface; before, there are only the Hershey strokes.
_FACE: Any = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle, px."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def moved(self, dx: int, dy: int) -> Rect:
        return Rect(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def clipped(self, image: Image) -> Rect:
        """Return the part of it within an HxWx3 image, which may be empty."""
        height, width = image.shape[:2]
        left, top = min(max(self.left, 0), width), min(max(self.top, 0), height)
        return Rect(left, top, max(min(self.right, width), left), max(min(self.bottom, height), top))

    def overlap(self, other: Rect) -> int:
        """Return the area that both cover, px."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """Return how far text reaches, px."""
    text = _fit_to_draw(text)
    if not text:
        return 0
    if _FACE is not None:
        return int(cv2.getTextSize((0, 0), text, (0, 0), _FACE, size, _weight(bold))[2])
    return int(cv2.getTextSize(_ascii(text), cv2.FONT_HERSHEY_SIMPLEX, size / 30, 1 + bold)[0][0])


def text(image: Image, words: str, x: int, middle: int, size: int, colour: Colour, *, bold: bool = False) -> int:
    """Write words on HxWx3 from x, their capitals centred on the line `middle`; return their width, px."""
    words = _fit_to_draw(words)
    if not words:
        return 0
    base = middle + round(size * 0.35)
    if _FACE is not None:
        cv2.putText(image, words, (x, base), colour, _FACE, size, _weight(bold))
    else:
        face = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, _ascii(words), (x, base), face, size / 30, colour, 1 + bold, cv2.LINE_AA)
    return text_width(words, size, bold=bold)


def fit(words: str, size: int, width: int, *, bold: bool = False) -> str:
    """Return words, cut with an ellipsis where they are wider than width px; empty where not even that fits."""
    words = _fit_to_draw(words)
    if text_width(words, size, bold=bold) <= width:
        return words
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(words[:middle].rstrip(" ,") + "…", size, bold=bold) <= width:
            low = middle
        else:
            high = middle - 1
    return words[:low].rstrip(" ,") + "…" if low else ""


def _fit_to_draw(words: str) -> str:
    """FreeType ends the process at a lone surrogate; and a picture is passed on, so it holds no secret either."""
    return displayable(redact(words))


def wrap(parts: Sequence[str], size: int, width: int, lines: int) -> list[str]:
    """Return parts, set with commas, in at most so many lines of width px; the last is cut where that is too few."""
    rows: list[str] = []
    for i, part in enumerate(parts):
        piece = part + ("," if i + 1 < len(parts) else "")
        joined = f"{rows[-1]} {piece}" if rows else piece
        if rows and (len(rows) == lines or text_width(joined, size) <= width):
            rows[-1] = joined
        else:
            rows.append(piece)
    return [fit(row, size, width) for row in rows]


def shade(image: Image, rect: Rect, colour: Colour = INK, opacity: float = 0.82) -> None:
    """Lay a translucent panel over the HxWx3 picture."""
    r = rect.clipped(image)
    if r.width and r.height:
        part = image[r.top : r.bottom, r.left : r.right]
        # dst = part * (1 - opacity) + colour * opacity, without a picture of the colour.
        cv2.convertScaleAbs(part, dst=part, alpha=1 - opacity)
        scalar: Any = (*(c * opacity for c in colour), 0)
        cv2.add(part, scalar, dst=part)


def fill(image: Image, rect: Rect, colour: Colour) -> None:
    """Fill a rectangle of the HxWx3 picture."""
    r = rect.clipped(image)
    image[r.top : r.bottom, r.left : r.right] = colour


def bar(image: Image, rect: Rect, value: float | None, colour: Colour, mark: float | None = None) -> None:
    """Draw on HxWx3 a meter for value 0..1; None leaves it empty. mark is where an alert is raised."""
    fill(image, rect, (100, 93, 88))
    if value is not None:
        # Never empty: an empty bar says "not known".
        width = max(round(rect.width * min(max(value, 0.0), 1.0)), min(2, rect.width))
        fill(image, Rect(rect.left, rect.top, rect.left + width, rect.bottom), colour)
    if mark is not None and 0 < mark < 1:
        x = rect.left + round(rect.width * mark)
        fill(image, Rect(x, rect.top, x + 1, rect.bottom), WHITE)


def dot(image: Image, x: int, y: int, radius: int, colour: Colour) -> None:
    """Draw a filled circle on HxWx3; radius in px."""
    cv2.circle(image, (x * 16, y * 16), radius * 16, colour, -1, cv2.LINE_AA, 4)


def corners(image: Image, rect: Rect, colour: Colour, thickness: int) -> None:
    """Draw on HxWx3 a box as a thin line with strong corners, on a dark rim that shows over a bright picture."""
    arm = max(min(rect.width, rect.height) // 5, 4)
    a, b = (rect.left, rect.top), (rect.right, rect.bottom)
    cv2.rectangle(image, a, b, INK, 3, cv2.LINE_AA)
    cv2.rectangle(image, a, b, colour, 1, cv2.LINE_AA)
    for width, ink in ((thickness + 2, INK), (thickness, colour)):
        for x, dx in ((rect.left, arm), (rect.right, -arm)):
            for y, dy in ((rect.top, arm), (rect.bottom, -arm)):
                cv2.line(image, (x, y), (x + dx, y), ink, width, cv2.LINE_AA)
                cv2.line(image, (x, y), (x, y + dy), ink, width, cv2.LINE_AA)


def _weight(bold: bool) -> int:
    return 650 if bold else 450


def _ascii(words: str) -> str:
    return words.replace("…", "...").replace("·", "-").encode("ascii", "replace").decode()
