"""The model card of a face model that was trained on a user's own data: README.md in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...engines import Card
from ...stream.atomic import write_text
from ..eval.evaluate import interval, share
from .run import Run

_PARTS = {
    "test": "the data set's test part, which nothing was chosen by",
    "validation": "the people held back, by whom checkpoint and thresholds were chosen too: expect less elsewhere",
}


def write_card(run: Run, result: Mapping[str, Any], part: str, window: Card) -> None:
    """Write README.md: what the model is for, what it learnt from, what it reaches and where it ends."""
    split = json.loads((run.work / "split.json").read_text(encoding="utf-8"))
    settings = json.loads((run.work / "settings.json").read_text(encoding="utf-8"))
    said, limits = window.thresholds, window.quality
    lines = [
        f"# {run.out.name}: a face model",
        "",
        f"Trained by `truefeed train video` on {run.args.dataset.name}. MODEL being this folder, use it with",
        "`truefeed watch 0 --model MODEL` and `truefeed scan FILE --model MODEL`.",
        "",
        "## What it learnt from",
        "",
        f"- {_sources(run)}",
        f"- {len(split['train'])} files; {len(split['validation'])} were held back for validation, "
        f"{len(split['test'])} for the test",
        f"- methods that it never saw: {', '.join(split['held_out']) or 'none was held out'}",
        f"- settings: {', '.join(f'{name} {value}' for name, value in settings.items())}",
        "",
        "## What it reaches",
        "",
        f"On {result['files']['scored']} of {result['files']['given']} files of {_PARTS[part]}. AUC with 95% intervals "
        "over people; more in [evaluation.html](evaluation.html).",
        "",
        *_figures(result, set(split["held_out"])),
        "",
        "## Thresholds and limits",
        "",
        f"Set on {window.training['calibrated']['on']}: `fake` from {said['fake']}, `real` up to {said['real']}, "
        f"an alert from {said['alert']}, cleared at {said['clear']}.",
        f"Not shown to work on faces under {limits.get('min_face_px', 0):g} px. It has seen the methods of this data "
        "set alone: of others expect less, and of a `real` no clearance.",
        "",
    ]
    write_text(run.out / "README.md", "\n".join(lines))


def _sources(run: Run) -> str:
    fakes = "genuine faces and pseudo-fakes made of them" + ("" if run.args.no_fakes else ", and labelled fakes")
    return f"{fakes}, from {'ImageNet weights' if run.args.from_scratch else 'the shipped encoder'}"


def _figures(result: Mapping[str, Any], held_out: set[str]) -> list[str]:
    rows = ["| | genuine | fakes | AUC | |", "|---|---|---|---|---|"]
    for name, figures in (("all", result["all"]), *result["by_method"].items()):
        note = "not learnt from" if name in held_out else ""
        rows.append(f"| {name} | {figures['real']} | {figures['fake']} | {interval(figures['auc'])} | {note} |")
    status, false = result["status"], result["false_alarms"]
    rows += [
        "",
        f"Called fake: {status['fake']['fake']} of {status['fake']['files']} fakes and {status['real']['fake']} of "
        f"{status['real']['files']} genuine files. False alerts: {false['alerts']} in {share(false['hours'], 2)} h.",
    ]
    return rows
