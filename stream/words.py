"""The answer in words: which sentences of the table say what was found. Pages and reports share them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

Told = tuple[str, dict[str, Any]]
"A key of the table, and what is filled in."


@cache
def table(language: str = "en") -> dict[str, Any]:
    """Return the table of strings."""
    return dict(json.loads(text(language)))


def text(language: str = "en") -> str:
    """Return the file of the table, JSON."""
    return (files(__package__) / "assets" / f"strings.{language}.json").read_text("utf-8")


def say(key: str, values: Mapping[str, Any] | None = None) -> str:
    """Return a string with its values; `n` chooses between the forms for one and for more."""
    values = values or {}
    text = table()[key]
    if isinstance(text, dict):
        text = text["one" if values.get("n") == 1 else "other"]
    return re.sub(r"\{(\w+)\}", lambda m: _shown(m[1], values.get(m[1], "")), text)


def _shown(name: str, value: object) -> str:
    if name in ("seconds", "from", "to") and isinstance(value, int | float):
        return length(value)
    if name == "share" and (value is None or isinstance(value, int | float)):
        return percent(value)
    if name == "why" and isinstance(value, list | tuple):
        return reasons(value)
    return str(value)


def reasons(names: Sequence[str]) -> str:
    """Return why something cannot be told, as the end of a sentence."""
    return say("because.and").join(say(f"because.{name}") if f"because.{name}" in table() else name for name in names)


def percent(value: float | None) -> str:
    """Return `7%`; from 1% to 99%, as no score is certain."""
    return "-" if value is None else f"{min(max(value, 0.01), 0.99):.0%}"


def length(seconds: float) -> str:
    """Return `4.2 s` or `3:07`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def verdict(result: Mapping[str, Any]) -> dict[str, Told]:
    """Return headline and note for a result."""
    report = result["report"]
    status = report["status"]
    if status == "error":
        return {"headline": ("verdict.error", {}), "note": ("note.error", {"why": report.get("error") or ""})}
    if status == "fake":
        return {"headline": _accused(report), "note": ("note.fake", {})}
    if status == "real":
        return {"headline": ("verdict.real", {}), "note": ("note.real", {})}
    why = [reason for reason in report["reasons"] if reason != "borderline"]
    if not report["faces"] and report["voice_probability"] is None and not set(why) - {"no-face", "no-speech"}:
        return {"headline": ("verdict.nothing", {}), "note": ("note.nothing", {})}
    if not why:
        return {"headline": ("verdict.borderline", {}), "note": ("note.borderline", {})}
    return {"headline": ("verdict.uncertain", {"why": _told(why, report)}), "note": ("note.uncertain", {})}


def _told(why: Sequence[str], report: Mapping[str, Any]) -> list[str]:
    """Say which of face and voice was there too briefly, where only one can have been."""
    one = "voice" if report["kind"] == "audio" else "face" if report["voice_probability"] is None else None
    return [f"{reason}-{one}" if reason == "too-short" and one else reason for reason in why]


def _accused(report: Mapping[str, Any]) -> Told:
    faces = report["faces"]
    fake = [face for face in faces if face["status"] == "fake"]
    voice = report["voice_probability"]
    # The voice is named where it carries the verdict: no face does, or it is as sure as they are.
    loud = voice is not None and voice >= 0.5 and (not fake or voice >= (report["fake_probability"] or 0) - 0.05)
    if fake and loud:
        return "verdict.fake.both", {}
    if loud:
        return "verdict.fake.voice", {}
    if not fake:
        return "verdict.fake.whole", {}
    if len(faces) > 1:
        every = len(fake) == len(faces)
        return ("verdict.fake.all" if every else "verdict.fake.faces"), {"n": len(fake), "of": len(faces)}
    whole = fake[0].get("evidence") == "synthesised"
    return ("verdict.fake.synthesised" if whole else "verdict.fake.face"), {}


def looked_at(result: Mapping[str, Any]) -> list[Told]:
    """Return what was looked at and for how long, a sentence each."""
    report, seen = result["report"], result["looked_at"]
    kind, told = report["kind"], list[Told]()
    if kind is None or report["status"] == "error":
        return told
    if kind == "video":
        told.append(("looked.video", {"seconds": report["seconds"] or 0, "n": seen["scored"]}))
        if sampled := report.get("sampled"):
            told.append(("looked.sampled", {name: f"{sampled[name]:g}" for name in ("every", "run")}))
    elif kind == "image":
        told.append(("looked.image", {"width": seen["width"], "height": seen["height"]}))
    else:
        told.append(("looked.audio", {"seconds": report["seconds"] or 0}))
    if kind != "audio":
        count = len(report["faces"])
        told.append(("looked.faces", {"n": count}) if count else ("looked.noface", {}))
    if kind != "image" and seen["sound_seconds"]:
        count = seen["speech_verdicts"]
        told.append(("looked.voice", {"n": count}) if count else ("looked.novoice", {}))
    return told
