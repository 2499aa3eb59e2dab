"""The report of one file: a page that needs nothing else, to read, to print and to pass on."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from .scans import stamp
from .words import looked_at, percent, reasons, say, verdict

_STYLE = """
:root{color-scheme:light dark;--paper:#faf9f6;--card:#fff;--ink:#1b2026;--soft:#5b6673;--line:#e4e1da;--fake:#b3261e;
--uncertain:#8a5a00;--real:#1f6f43;--error:#56616e}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2127;--ink:#e9e7e3;--soft:#a2adba;--line:#30373f;
--fake:#ff8a80;--uncertain:#f0b84e;--real:#6fd19a;--error:#a2adba}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:52rem;margin:auto;padding:2.5rem 1.25rem}h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .6rem}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.4rem 0}.soft{color:var(--soft)}
.verdict{border-left:6px solid;padding-left:1.1rem}.fake{border-color:var(--fake)}.real{border-color:var(--real)}
.uncertain{border-color:var(--uncertain)}.error{border-color:var(--error)}
ul{padding-left:1.1rem}figure{margin:0 0 1.2rem;break-inside:avoid}img{max-width:100%;border-radius:8px;display:block}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.3rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.4rem .6rem .4rem 0;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
code{font-size:.82em;overflow-wrap:anywhere}
@media print{body{background:#fff;color:#000}main{padding:0}}
"""


def page(result: Mapping[str, Any], folder: Path, finished: float | None) -> str:
    """Return the page.

    Args:
        result: as the worker wrote it.
        folder: holds the pictures.
        finished: when, s since 1970.
    """
    report, told = result["report"], verdict(result)
    status = report["status"]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(say("report.title"))}: {escape(result["name"])}</title><style>{_STYLE}</style></head><body><main>
<p class="soft">{escape(say("report.title"))}</p>
<div class="verdict {status}"><h1>{escape(say(*told["headline"]))}</h1><p>{escape(say(*told["note"]))}</p></div>
<p class="soft">{escape(result["name"])}<br>{escape(say("report.made", {"date": stamp(finished) or ""}))}</p>
{_looked(result)}{_pictures(result, folder)}{_scores(report)}{_credentials(result)}{_models(result)}
<h2>{escape(say("result.details.limits"))}</h2><ul>{"".join(_item(f"result.limit.{n}") for n in range(1, 5))}</ul>
<p class="soft"><code>{escape(say("result.details.sha"))} {escape(result["sha256"])}</code><br>
{escape(result["software"])}</p>
</main></body></html>
"""


def _item(key: str) -> str:
    return f"<li>{escape(say(key))}</li>"


def _looked(result: Mapping[str, Any]) -> str:
    lines = "".join(f"<li>{escape(say(*told))}</li>" for told in looked_at(result))
    return f"<h2>{escape(say('looked.title'))}</h2><ul>{lines}</ul>" if lines else ""


def _pictures(result: Mapping[str, Any], folder: Path) -> str:
    pictures, parts = result["pictures"], []
    if result["report"]["kind"] == "image" and pictures["poster"]:
        parts.append(_figure(folder / pictures["poster"], say("result.picture"), result["name"]))
    for face in result["report"]["faces"]:
        number = str(face["id"])
        if number not in pictures["heat"]:
            continue
        head = f"{say('result.face', {'n': number})}: {say('status.long.' + face['status'])}, {percent(face['fake'])}"
        parts.append(_figure(folder / pictures["heat"][number], say("result.heat.alt", {"n": number}), head))
    return f"<h2>{escape(say('result.faces'))}</h2>{''.join(parts)}" if parts else ""


def _figure(file: Path, alt: str, caption: str) -> str:
    try:
        data = base64.b64encode(file.read_bytes()).decode()
    except OSError:
        return ""
    kind = "png" if file.suffix == ".png" else "jpeg"
    image = f'<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


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
    body = "".join(f"<tr><td>{escape(a)}<td>{percent(b)}<td>{escape(c)}<td>{escape(d)}</tr>" for a, b, c, d in rows)
    title = escape(say("result.details.scores"))
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _credentials(result: Mapping[str, Any]) -> str:
    told = result.get("credentials")
    if not told:
        return ""
    lines = [say(f"result.credentials.{told['state']}")]
    lines += [say("result.credentials.generated")] if told.get("generated") else []
    facts = ("signer", "time", "generator")
    lines += [f"{say(f'result.credentials.{name}')}: {told[name]}" for name in facts if told.get(name)]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{escape(say('result.credentials'))}</h2><ul>{items}</ul>"


def _models(result: Mapping[str, Any]) -> str:
    items = []
    for model in result["models"]:
        at = ", ".join(f"{name} {value:g}" for name, value in model.get("thresholds", {}).items())
        name = f"{model.get('task', '')}: {model.get('name', '')} {model.get('version', '')} ({model['engine']}); {at}"
        items.append(f"<li>{escape(name)}<br><code>{escape(model['sha256'])}</code></li>")
    return f"<h2>{escape(say('result.details.models'))}</h2><ul>{''.join(items)}</ul>"
