"""Where marks and labels stand on the screen: never where a face is cut out, so that no drawing is ever judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .target import Rect, overlap

MARK = 3
"Of the corners, px wide."
_GAP = 4
_ARM = 0.18
"Length of an arm of a corner, in sides of the box."
_HEIGHT = 26
"Of a label, px."


@dataclass(frozen=True, slots=True)
class Placed:
    """What is drawn for one face."""

    corners: tuple[Rect, ...]
    "Bars, four corners of two at most."
    label: Rect | None
    "None where there is no room for one."
    text: str
    "What stands in it."


def lay_out(
    keep: Sequence[Rect], texts: Sequence[Sequence[str]], screen: Rect, width: Callable[[str], int]
) -> list[Placed]:
    """Place the marks of faces.

    Args:
        keep: of each face, where nothing may be drawn.
        texts: of each face, what its label may say, the longest first.
        screen: where labels may stand.
        width: returns that of a label that says this, px.
    """
    taken: list[Rect] = []
    placed = []
    for number, (face, words) in enumerate(zip(keep, texts, strict=True)):
        others = [rect for i, rect in enumerate(keep) if i != number]
        corners = tuple(bar for bar in _corners(face) if not _meets(bar, others))
        label, text = _label(face, words, screen, width, [*keep, *taken])
        if label is not None:
            taken.append(label)
        placed.append(Placed(corners, label, text))
    return placed


def _label(
    face: Rect, words: Sequence[str], screen: Rect, width: Callable[[str], int], blocked: Sequence[Rect]
) -> tuple[Rect | None, str]:
    for text in words:
        for spot in _spots(face, width(text)):
            if overlap(spot, screen) == spot and not _meets(spot, blocked):
                return spot, text
    return None, ""


def _spots(face: Rect, width: int) -> Iterator[Rect]:
    """Yield the places beside a face: above and below it, then at its sides."""
    left, top, wide, high = face
    beside = MARK + _GAP
    for y in (top - beside - _HEIGHT, top + high + beside):
        for x in (left - MARK, left + (wide - width) // 2, left + wide + MARK - width):
            yield x, y, width, _HEIGHT
    for x in (left + wide + beside, left - beside - width):
        for y in (top, top + (high - _HEIGHT) // 2, top + high - _HEIGHT):
            yield x, y, width, _HEIGHT


def _corners(face: Rect) -> Iterator[Rect]:
    """Yield the bars of four corners around a face."""
    left, top, wide, high = face
    arm = max(round(_ARM * min(wide, high)), 8)
    for x in (left - MARK, left + wide + MARK - arm):
        for y in (top - MARK, top + high):
            yield x, y, arm, MARK
    for y in (top, top + high - arm + MARK):
        for x in (left - MARK, left + wide):
            yield x, y, MARK, arm - MARK


def _meets(rect: Rect, others: Sequence[Rect]) -> bool:
    return any(overlap(rect, other) is not None for other in others)
