"""How strong the signs in a file are over time, as a drawing for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from ..words import length, say

_WIDTH, _HEIGHT = 720, 90
STYLE = """
.timeline{display:block;width:100%;height:auto;margin:.2rem 0}.grid{stroke:var(--line);stroke-dasharray:3 4}
.mark{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-linejoin:round}.dot{fill:var(--ink)}
.area{fill:var(--fake);opacity:.13}
"""


def timeline(points: Sequence[Mapping[str, float]], seconds: float | None) -> str:
    """Draw probability (0 at the bottom, 1 at the top) over time; a gap in the scores is a gap in the line.

    Args:
        points: as in `Report.timeline`.
        seconds: length of the file, s; None where it is not known.
    """
    known = [(float(p["t"]), float(p["fake"])) for p in points if p.get("fake") is not None]
    if len(known) < 2:
        return ""
    span = max(seconds or 0.0, known[-1][0], 1e-9)
    spots = [(t / span * _WIDTH, 2 + (1 - p) * (_HEIGHT - 4)) for t, p in known]
    steps = sorted(b[0] - a[0] for a, b in pairwise(known))
    gap = 2.5 * steps[len(steps) // 2]
    parts: list[list[tuple[float, float]]] = [[spots[0]]]
    for (before, now), spot in zip(pairwise(known), spots[1:], strict=True):
        if now[0] - before[0] > gap:
            parts.append([])
        parts[-1].append(spot)
    told = say("report.timeline", {"share": max(p for _, p in known)})
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(told)}">'
        f'<path class="grid" d="M0 {_HEIGHT / 2}H{_WIDTH}"/>{"".join(map(_part, parts))}</svg>'
        f'<p class="ends soft"><span>0:00</span><span>{escape(told)}</span><span>{length(span)}</span></p>'
    )


def _part(spots: Sequence[tuple[float, float]]) -> str:
    if len(spots) == 1:
        return f'<circle class="dot" cx="{spots[0][0]:.1f}" cy="{spots[0][1]:.1f}" r="2"/>'
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    foot = f"L{spots[-1][0]:.1f} {_HEIGHT}L{spots[0][0]:.1f} {_HEIGHT}Z"
    return f'<path class="area" d="M{line}{foot}"/><path class="mark" d="M{line}"/>'
