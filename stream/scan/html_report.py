"""The report: a page that needs nothing else, to read, to print and to pass on; of several files with an index."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..redaction import displayable
from ..words import looked_at, percent, reasons, say, verdict
from .html_style import STYLE
from .html_timeline import timeline

_ORDER = ("fake", "uncertain", "real", "error")
_OPEN = 5
"Up to so many results stand open on a page of several."


@dataclass(frozen=True, slots=True)
class Entry:
    """One result of several."""

    result: Mapping[str, Any]
    "See `findings`."
    folder: Path | None
    "Holds the pictures; None where there are none."
    note: str = ""
    "What else is to be said of it."


def page(result: Mapping[str, Any], folder: Path | None, made: str | None) -> str:
    """Return the page of one result.

    Args:
        result: see `findings`.
        folder: holds the pictures.
        made: when, for the reader.
    """
    told = verdict(result)
    head = f"<h1>{escape(say(*told['headline']))}</h1><p>{escape(say(*told['note']))}</p>"
    body = (
        f'<p class="soft">{escape(say("report.title"))}</p>'
        f'<div class="verdict {result["report"]["status"]}">{head}</div>'
        f'<p class="soft">{escape(_name(result))}<br>{escape(say("report.made", {"date": made or ""}))}</p>'
        f"{_sections(result, folder, 2)}{_limits()}{_identity(result)}"
    )
    return _document(f"{say('report.title')}: {_name(result)}", body)


def pages(entries: Sequence[Entry], made: str) -> str:
    """Return the page of several results: an index, then one after the other, each to fold.

    Args:
        entries: in the order to show.
        made: when, for the reader.
    """
    counts = Counter(entry.result["report"]["status"] for entry in entries)
    boxes = "".join(
        f'<li><b>{counts[status]}</b> <span class="pill {status}">{escape(say(f"status.{status}"))}</span></li>'
        for status in _ORDER
        if counts[status]
    )
    heads = "".join(f"<th>{escape(say(key))}" for key in ("report.file", "result.details.verdict", "report.fake"))
    rows = "\n".join(_row(number, entry.result) for number, entry in enumerate(entries, 1))
    results = "\n".join(_folded(number, entry, len(entries)) for number, entry in enumerate(entries, 1))
    title = f"{say('report.title')}: {say('report.files', {'n': len(entries)})}"
    body = (
        f"<h1>{escape(title)}</h1>"
        f'<p class="soft">{escape(say("report.made", {"date": made}))}</p><ul class="counts">{boxes}</ul>'
        f'<table class="index"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{results}{_limits()}'
    )
    return _document(title, body)


def _document(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="{escape(say("lang"))}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>
{body}
</main></body></html>
"""


def _row(number: int, result: Mapping[str, Any]) -> str:
    report = result["report"]
    told = say(*verdict(result)["headline"])
    return (
        f'<tr><td><a href="#file-{number}">{escape(_name(result))}</a>'
        f'<td><span class="pill {report["status"]}">{escape(say("status." + report["status"]))}</span> {escape(told)}'
        f'<td class="number">{percent(report["fake_probability"])}'
    )


def _folded(number: int, entry: Entry, count: int) -> str:
    result = entry.result
    told, status = verdict(result), result["report"]["status"]
    note = f'<p class="soft">{escape(entry.note)}</p>' if entry.note else ""
    return (
        f'<details class="verdict {status}"{" open" if count <= _OPEN else ""}>'
        f"<summary><h2>{escape(_name(result))}</h2> {escape(say(*told['headline']))}</summary>"
        # A link to what is folded unfolds it.
        f'<p id="file-{number}" class="top">{escape(say(*told["note"]))}</p>{note}'
        f"{_sections(result, entry.folder, 3)}{_identity(result)}</details>"
    )


def _name(result: Mapping[str, Any]) -> str:
    return displayable(str(result["name"]))


def _sections(result: Mapping[str, Any], folder: Path | None, level: int) -> str:
    report = result["report"]
    parts = (
        ("looked.title", _list(say(*told) for told in looked_at(result))),
        ("result.timeline", timeline(report["timeline"], report["seconds"])),
        ("result.faces", "".join(_pictures(result, folder)) if folder is not None else ""),
        ("result.details.scores", _scores(report)),
        ("result.details.notes", _list(displayable(note) for note in report.get("notes", ()))),
        ("result.credentials", _list(_credentials(result.get("credentials")))),
        ("result.details.models", _models(result)),
    )
    return "".join(f"<h{level}>{escape(say(key))}</h{level}>{inner}" for key, inner in parts if inner)


def _list(lines: Iterator[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _limits() -> str:
    items = _list(say(f"result.limit.{n}") for n in range(1, 5))
    return f"<h2>{escape(say('result.details.limits'))}</h2>{items}"


def _identity(result: Mapping[str, Any]) -> str:
    lines = [escape(str(result["software"]))]
    if result["sha256"]:
        lines.insert(0, f"<code>{escape(say('result.details.sha'))} {escape(result['sha256'])}</code>")
    return f'<p class="soft">{"<br>".join(lines)}</p>'


def _pictures(result: Mapping[str, Any], folder: Path) -> Iterator[str]:
    report, pictures = result["report"], result["pictures"]
    if report["kind"] == "image" and pictures["poster"]:
        yield _figure(folder / pictures["poster"], say("result.picture"), _name(result))
    for face in report["faces"]:
        number = str(face["id"])
        head = f"{say('result.face', {'n': number})}: {say('status.long.' + face['status'])}, {percent(face['fake'])}"
        if number in pictures["heat"]:
            yield _figure(folder / pictures["heat"][number], say("result.heat.alt", {"n": number}), head)
        frame = pictures["frames"].get(number)
        if frame is not None and face["status"] != "real":
            caption = say("report.frame", {"seconds": frame["t"]})
            box = _box(frame["box"], result["looked_at"])
            yield _figure(folder / frame["name"], say("result.frame.alt", {"n": number}), caption, box)


def _box(box: Sequence[float], seen: Mapping[str, Any]) -> str:
    """Draw where a face is over the frame that it is in; box: left, top, right, bottom, px."""
    if not seen["width"]:
        return ""
    left, top, right, bottom = box
    return (
        f'<svg viewBox="0 0 {seen["width"]} {seen["height"]}" aria-hidden="true">'
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}"/></svg>'
    )


def _figure(file: Path, alt: str, caption: str, over: str = "") -> str:
    try:
        data = base64.b64encode(file.read_bytes()).decode()
    except OSError:
        return ""
    kind = "png" if file.suffix == ".png" else "jpeg"
    image = f'<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}">'
    return f'<figure><div class="shown">{image}{over}</div><figcaption>{escape(caption)}</figcaption></figure>'


def _scores(report: Mapping[str, Any]) -> str:
    rows = [
        (say("result.face", {"n": f["id"]}), f["fake"], say(f"status.long.{f['status']}"), reasons(f["reasons"]))
        for f in report["faces"]
    ]
    if report["voice_probability"] is not None:
        rows.append((say("result.voice"), report["voice_probability"], "", ""))
    if not rows:
        return ""
    heads = ("subject", "score", "verdict", "reasons")
    head = "".join(f"<th>{escape(say(f'result.details.{name}'))}" for name in heads)
    body = "".join(f"<tr><td>{escape(a)}<td>{percent(b)}<td>{escape(c)}<td>{escape(d)}" for a, b, c, d in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _credentials(told: Mapping[str, Any] | None) -> Iterator[str]:
    if not told:
        return
    yield say(f"result.credentials.{told['state']}")
    if told.get("generated"):
        yield say("result.credentials.generated")
    for name in ("signer", "time", "generator"):
        if told.get(name):
            yield f"{say(f'result.credentials.{name}')}: {told[name]}"


def _models(result: Mapping[str, Any]) -> str:
    items = []
    for model in result["models"]:
        at = ", ".join(f"{name} {value:g}" for name, value in model.get("thresholds", {}).items())
        told = " ".join(
            filter(None, (model.get("task", "") and f"{model['task']}:", model.get("name"), model.get("version")))
        )
        more = "; ".join(filter(None, (model["engine"], at)))
        items.append(
            f"<li>{escape(told)}{f' ({escape(more)})' if more else ''}<br><code>{escape(model['sha256'])}</code></li>"
        )
    return f"<ul>{''.join(items)}</ul>" if items else ""
