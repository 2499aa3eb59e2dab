"""Which part of the screen is watched: what follows `screen:` on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

Rect = tuple[int, int, int, int]
"Left, top, width and height, px of the screen."


class UnseenError(Exception):
    """What is watched is not there, or no longer."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the screen. All None: the primary monitor."""

    monitor: int | None = None
    "Its number, from 1."
    region: Rect | None = None
    title: str | None = None
    "A part of a window's title."


def parse(text: str) -> Target:
    """Return what a word names: nothing, the number of a monitor, `X,Y,WIDTH,HEIGHT` or a part of a window's title.

    Raises:
        ValueError: a monitor or a region that can't be.
    """
    if not text:
        return Target()
    if text.isdecimal():
        if int(text) == 0:
            raise ValueError("monitors are numbered from 1")
        return Target(monitor=int(text))
    if re.fullmatch(r"\s*-?\d+\s*(,\s*-?\d+\s*){3}", text):
        left, top, width, height = (int(part) for part in text.split(","))
        if width < 1 or height < 1:
            raise ValueError("X,Y,WIDTH,HEIGHT needs a width and a height above 0")
        return Target(region=(left, top, width, height))
    return Target(title=text)


def overlap(one: Rect, other: Rect) -> Rect | None:
    """Return what two rectangles share; None where they share nothing."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[0] + one[2], other[0] + other[2]), min(one[1] + one[3], other[1] + other[3])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def uncovered(rect: Rect, covers: list[Rect]) -> float:
    """Return the share of a rectangle that none of the others covers, 0..1."""
    rest = [rect]
    for cover in covers:
        rest = [piece for one in rest for piece in _without(one, cover)]
    return sum(w * h for _, _, w, h in rest) / max(rect[2] * rect[3], 1)


def _without(rect: Rect, cover: Rect) -> list[Rect]:
    """Return what is left of a rectangle, as up to four."""
    shared = overlap(rect, cover)
    if shared is None:
        return [rect]
    (x, y, w, h), (sx, sy, sw, sh) = rect, shared
    pieces = [
        (x, y, w, sy - y),
        (x, sy + sh, w, y + h - sy - sh),
        (x, sy, sx - x, sh),
        (sx + sw, sy, x + w - sx - sw, sh),
    ]
    return [piece for piece in pieces if piece[2] > 0 and piece[3] > 0]
