"""The page of `truefeed scan --report`: one file that needs no network, to read, to print and to pass on."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from ..redaction import displayable
from ..sinks.text import clock, percent, words
from ..types import Report

_WIDTH, _HEIGHT = 260, 44
_STATUS: tuple[Literal["fake", "uncertain", "real", "error"], ...] = ("fake", "uncertain", "real", "error")
EVIDENCE = {"manipulated": "manipulated", "synthesised": "synthesised as a whole"}
"What speaks for a fake in a still picture, in words."
_STYLE = """
:root{--paper:#fbfaf8;--card:#fff;--ink:#1c2024;--soft:#667080;--line:#e3e1dc;--fake:#c4342d;--uncertain:#b7791f;
--real:#2f855a;--error:#718096}
@media(prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1c2024;--ink:#e8e6e3;--soft:#98a2b0;--line:#30363c;
--fake:#f2756d;--uncertain:#e0ac55;--real:#62c08d;--error:#8896a8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif;padding:2rem 1rem}
main{max-width:1100px;margin:auto}h1{font-size:1.5rem;margin:0 0 .2rem}p{margin:.2rem 0;color:var(--soft)}
.counts{display:flex;gap:.8rem;flex-wrap:wrap;margin:1.2rem 0}
.counts div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.6rem 1.1rem;min-width:7rem}
.counts b{display:block;font-size:1.6rem;line-height:1.2}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
td:nth-child(6) small{white-space:nowrap}
table{width:100%;border-collapse:collapse}
th,td{text-align:left;padding:.6rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}th{font-weight:600;color:var(--soft);font-size:.85rem}
td:first-child{overflow-wrap:anywhere;min-width:12rem}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}
.status{display:inline-block;border-radius:99px;padding:.05rem .6rem;font-size:.85rem;font-weight:600;color:var(--card)}
.fake{background:var(--fake)}.uncertain{background:var(--uncertain)}.real{background:var(--real)}
.error{background:var(--error)}
img{display:block;width:260px;border-radius:6px;margin:.3rem 0}
small{color:var(--soft);display:block}svg{display:block}
.grid{stroke:var(--line)}.mark{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-linejoin:round}
.dot{fill:var(--ink)}.area{fill:var(--fake);opacity:.13}
footer{margin-top:1.2rem;font-size:.85rem}code{font-size:.85em;overflow-wrap:anywhere}
@media print{body{padding:0}}
"""


def page(reports: Sequence[Report], *, made: str) -> str:
    """Return the page.

    Args:
        reports: one a file, in the order to show.
        made: when, for the reader.
    """
    counts = Counter(report.status for report in reports)
    boxes = "".join(
        f'<div><b>{counts[status]}</b><span class="status {status}">{status}</span></div>'
        for status in _STATUS
        if counts[status] or status != "error"
    )
    rows = "\n".join(map(_row, reports))
    files = f"{len(reports)} file{'' if len(reports) == 1 else 's'}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>truefeed: {files}</title><style>{_STYLE}</style></head><body><main>
<h1>truefeed report</h1><p>{files}, {escape(made)}</p>
<div class="counts">{boxes}</div>
<div class="scroll"><table><thead><tr><th>File<th>Verdict<th>Fake<th>Voice<th>Over time<th>Faces</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<footer>{_models(reports)}<p>A probability is an estimate by a model, not a proof. <em>Uncertain</em> means that the
file shows too little to tell, or that the estimate lies between the thresholds; the reason stands beside.</p></footer>
</main></body></html>
"""


def _row(report: Report) -> str:
    length = f", {clock(report.seconds)}" if report.seconds else ""
    kind = f"<small>{report.kind or 'unknown kind'}{length}</small>"
    path = displayable(report.path)
    why = displayable(report.error).removeprefix(f"{path}: ") if report.error else words(report.reasons)
    return (
        f"<tr><td>{escape(path)}{kind}"
        f'<td><span class="status {report.status}">{report.status}</span><small>{escape(why)}</small>'
        f"{''.join(f'<small>{escape(note)}</small>' for note in report.notes)}"
        f'<td class="number">{percent(report.fake_probability)}<td class="number">{percent(report.voice_probability)}'
        f"<td>{_timeline(report.timeline)}<td>{_faces(report.faces)}</tr>"
    )


def _timeline(points: Sequence[Mapping[str, float]]) -> str:
    """Draw probability (0 at the bottom, 1 at the top) over time; a gap in the scores is a gap in the line."""
    known = [(float(p["t"]), float(p["fake"])) for p in points if p.get("fake") is not None]
    if not known:
        return ""
    first, last = known[0][0], known[-1][0]
    span = max(last - first, 1e-9)
    spots = [(2 + (t - first) / span * (_WIDTH - 4), 2 + (1 - p) * (_HEIGHT - 4)) for t, p in known]
    step = sorted(b[0] - a[0] for a, b in pairwise(known))
    gap = 2.5 * step[len(step) // 2] if step else 0.0
    parts: list[list[tuple[float, float]]] = [[spots[0]]]
    for (before, now), spot in zip(pairwise(known), spots[1:], strict=True):
        if now[0] - before[0] > gap:
            parts.append([])
        parts[-1].append(spot)
    text = f"from {clock(first)} to {clock(last)}, highest {percent(max(p for _, p in known))}"
    half = _HEIGHT / 2
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text}">'
        f'<title>{text}</title><path class="grid" d="M0 {half}H{_WIDTH}" stroke-dasharray="3 4"/>'
        f"{''.join(map(_part, parts))}</svg><small>{clock(first)} to {clock(last)}</small>"
    )


def _part(spots: Sequence[tuple[float, float]]) -> str:
    if len(spots) == 1:
        return f'<circle class="dot" cx="{spots[0][0]:.1f}" cy="{spots[0][1]:.1f}" r="2"/>'
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    foot = f"L{spots[-1][0]:.1f} {_HEIGHT}L{spots[0][0]:.1f} {_HEIGHT}Z"
    return f'<path class="area" d="M{line}{foot}"/><path class="mark" d="M{line}"/>'


def _faces(faces: Sequence[Mapping[str, Any]]) -> str:
    return "".join(map(_face, faces))


def _face(face: Mapping[str, Any]) -> str:
    evidence = EVIDENCE.get(face.get("evidence") or "")
    told = f"{face['id']}: {face['status']}, {percent(face.get('fake'))}{f', {evidence}' if evidence else ''}"
    return f"<small>{escape(told)}</small>{_heatmap(face)}"


def _heatmap(face: Mapping[str, Any]) -> str:
    """Put the picture itself into the page: it shall need nothing else."""
    path = Path(str(face.get("heatmap", "")))
    if "heatmap" not in face or not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="heat map of face {escape(str(face["id"]))}">'


def _models(reports: Sequence[Report]) -> str:
    used = {(r.model["name"], r.model["sha256"]) for r in reports if "sha256" in r.model}
    return "".join(f"<p>Model {escape(name)}, sha256 <code>{escape(sha)}</code></p>" for name, sha in sorted(used))
