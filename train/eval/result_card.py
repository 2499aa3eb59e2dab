"""The result card: one HTML file, without network, that tells how good a model is, on what, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..common.curve import need_matplotlib
from . import plots
from .assess import Case, duration

__all__ = ["need_matplotlib", "page"]

_STYLE = """
body{margin:0;background:#fbfaf8;color:#1c2024;font:15px/1.5 system-ui,sans-serif;padding:2rem 1rem}
main{max-width:1180px;margin:auto}h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p,small,caption{color:#667080}code{font-size:.85em;overflow-wrap:anywhere}
.figures{display:flex;gap:.8rem;flex-wrap:wrap;margin:1.2rem 0}
.figures div,.plots figure{background:#fff;border:1px solid #e3e1dc;border-radius:10px;padding:.6rem 1.1rem;margin:0}
.figures b{display:block;font-size:1.6rem;line-height:1.2;color:#1c2024}.figures div{color:#667080}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:.8rem}
.plots svg{width:100%;height:auto}figcaption{font-weight:600}
.scroll{overflow-x:auto;background:#fff;border:1px solid #e3e1dc;border-radius:10px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;font-size:.9rem;padding:.35rem .5rem;border-bottom:1px solid #e3e1dc;white-space:nowrap}
th:first-child,td:first-child{text-align:left}tr:last-child td{border-bottom:0}th{color:#667080}
@media print{body{padding:0}}
"""


def page(result: Mapping[str, Any], cases: Sequence[Case]) -> str:
    """Return the page of an evaluation (train.eval.assess) over its cases."""
    scored = [c for c in cases if c.said.fake is not None]
    both = result["all"]["auc"]["value"] is not None
    drawn = [("Every file", plots.scores(scored, result["thresholds"]))] if scored else []
    if both:
        drawn += [("Detection against false alarms", plots.roc(scored)), ("Calibration", plots.reliability(scored))]
    if any(row["auc"]["value"] is not None for row in result["by_seconds"]):
        drawn.append(("Against seconds observed", plots.seconds(result["by_seconds"])))
    pictures = "".join(f"<figure><figcaption>{name}</figcaption>{svg}</figure>" for name, svg in drawn)
    files, model = result["files"], result["model"]
    methods = {"all": result["all"]} | ({"faces alone": result["faces_only"]} if result["faces_only"] else {})
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>truefeed: {escape(result["dataset"])}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(model["name"])} {escape(model["version"])} on {escape(result["dataset"])}</h1>
<p>{files["scored"]} of {files["given"]} files scored, {files["people"]} people, {files["hours"]:.2f} h;
{escape(result["made"])}. In brackets: 95% intervals, bootstrap over people.</p>
<div class="figures">{_headline(result)}</div>
<div class="plots">{pictures}</div>
<h2>By method</h2>{_methods({**methods, **result["by_method"]})}
<h2>By quality of the picture</h2>{_quality(result["by_quality"])}
<h2>What the user is told</h2>{_status(result["status"])}
<h2>Against seconds observed</h2>{_seconds(result["by_seconds"])}
<h2>False alarms and alerts</h2>{_alarms(result)}
<h2>Where to look next</h2>{_worst(result["worst"])}
<h2>Not scored</h2>{_missing(files)}
<h2>Model</h2><p>{_model(result)}</p>
</main></body></html>
"""


def _headline(result: Mapping[str, Any]) -> str:
    alarms, auc = result["false_alarms"], result["all"]["auc"]
    rate = _n(alarms["per_hour"], 1)
    boxes = [
        ("AUC", _told(auc)),
        ("EER", _n(result["all"]["eer"]["value"])),
        ("fakes found at 1% false positives", _n(result["all"]["tpr_at_fpr_0.01"]["value"])),
        (f"false alarms an hour ({alarms['alerts']} in {_n(alarms['hours'], 3)} h)", rate),
    ]
    return "".join(f"<div><b>{value}</b>{escape(name)}</div>" for name, value in boxes)


def _methods(rows: Mapping[str, Mapping[str, Any]]) -> str:
    keys = ("auc", "eer", "tpr_at_fpr_0.01", "tpr_at_fpr_0.1", "brier", "ece")
    head = ("", "Genuine", "Fake", "AUC", "EER", "TPR at FPR 1%", "TPR at FPR 10%", "Brier", "ECE")
    body = [(name, f["real"], f["fake"], *(_told(f[k]) for k in keys)) for name, f in rows.items()]
    return _table(head, body)


def _quality(measures: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    names = {"face": "Side of the face", "sharpness": "Sharpness", "bits": "Bits of video"}
    body = [
        (f"{names[name]}: {row['bucket']}", row["real"], row["fake"], _n(row["auc"]))
        for name, rows in measures.items()
        for row in rows
    ]
    return _table(("Median over the main face", "Genuine", "Fake", "AUC"), body)


def _status(sides: Mapping[str, Mapping[str, Any]]) -> str:
    body = []
    for name, label in (("real", "genuine"), ("fake", "fake")):
        s = sides[name]
        why = ", ".join(f"{reason} {count}" for reason, count in s["reasons"].items())
        low, high = s["wrong_interval"]
        body.append((label, s["files"], s["real"], s["uncertain"], s["fake"], f"{_n(low)} to {_n(high)}", why))
    return _table(("Files that are", "in all", "real", "uncertain", "fake", "share wrong, 95%", "uncertain why"), body)


def _seconds(rows: Sequence[Mapping[str, Any]]) -> str:
    keys = ("called_fake", "genuine_called_fake", "alerted", "genuine_alerted")
    head = ("After", "Genuine", "Fake", "AUC", "fakes called fake", "genuine called fake", "fakes alerted", "genuine")
    return _table(
        head, [(duration(r["seconds"]), r["real"], r["fake"], _told(r["auc"]), *(_n(r[k]) for k in keys)) for r in rows]
    )


def _alarms(result: Mapping[str, Any]) -> str:
    false, found, said = result["false_alarms"], result["alarms"], result["thresholds"]
    low, high = false["interval"]
    files = f" In: {escape(', '.join(false['files']))}." if false["files"] else ""
    return (
        f"<p>An alert is raised at {_n(said['alert'])} and cleared at {_n(said['clear'])}. On genuine streams: "
        f"{false['alerts']} alerts in {_n(false['hours'], 3)} h, {_n(false['per_hour'], 1)} an hour (95%: {_n(low, 1)} "
        f"to {_n(high, 1)}; so short a test can't promise less).{files} On fakes: {found['alerted']} of "
        f"{found['fakes']} clips, after {_n(found['median_seconds_to_alert'], 1)} s (median).</p>"
    )


def _worst(sides: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    rows = [
        (f["path"], what, _n(f["probability"]), f["status"])
        for name, what in (("real", "genuine"), ("fake", "fake"))
        for f in sides[name]
    ]
    return _table(("File", "is", "probability said", "status"), rows)


def _missing(files: Mapping[str, Any]) -> str:
    rows = [(f["path"], "failed: " + f["error"]) for f in files["failed"]]
    rows += [(f["path"], ", ".join(f["reasons"])) for f in files["not_scored"]]
    return _table(("File", "Why"), rows) if rows else "<p>Nothing: every file was scored.</p>"


def _model(result: Mapping[str, Any]) -> str:
    said = {**result["model"], **result["thresholds"]}
    return "<br>".join(f"{escape(str(k))}: <code>{escape(str(v))}</code>" for k, v in said.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    titles = "".join(f"<th>{escape(title)}" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _told(figure: Mapping[str, float | None]) -> str:
    low = figure["low"]
    return _n(figure["value"]) + ("" if low is None else f" ({_n(low)}-{_n(figure['high'])})")


def _n(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
