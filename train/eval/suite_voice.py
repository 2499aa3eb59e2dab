"""The part of the suite that is about voices: what `truefeed train voice` measured of pages that it left out.

Reads FOLDS/voice-accurate.json and FOLDS/voice-fast.json, the result cards (OUT/voice.json) of the two trainings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from ...engines import load
from ...stream.errors import ConfigError
from ...stream.scoring.models import VOICES, voice_file
from .suite import Result, Row

CLEAN = "as it comes"
LINES = {"drawn": "a codec or disturbance drawn by chance"}
"What lines are called in a table, where it is not their name."
KINDS = {
    "zs": "zero-shot and language-model TTS",
    "tts": "classic neural TTS",
    "vc": "voice conversion",
    "voc": "vocoders, re-synthesis",
    "codec": "codecs",
    "slm": "spoken language models",
    "anon": "anonymisation",
}
"What the first word of a generator's label stands for."


def measure(data: Path, folds: Path | None, err: TextIO) -> Result:
    """Return the rows of both models. Raises ConfigError where there are no results.

    Args:
        data: not asked: the answers were given when the models were trained.
        folds: where the result cards lie.
        err: progress.
    """
    del data, err
    if folds is None:
        raise ConfigError(
            "the voices' part of the suite needs --folds DIR, with the result cards of truefeed train voice"
        )
    rows: list[Row] = []
    for name in sorted(VOICES):
        path = folds / f"voice-{name}.json"
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; it is voice.json of `truefeed train voice`")
        rows += _rows(name, json.loads(path.read_text()))
    models = {f"voice, {name}": load(voice_file(name), "cpu").sha256 for name in VOICES}
    return Result(rows, models, "truefeed evaluate --suite --dataset DATA --folds docs/results --parts voice")


def _rows(name: str, results: Mapping[str, Any]) -> Iterator[Row]:
    for said, found in sorted(results["left_out"].items()):
        length, _, line = said.partition(", ")
        if line == CLEAN:
            yield _row("left out", name, length, found)
        else:
            yield _row(f"lines, left out, {length}", LINES.get(line, line), name, found)
    for said, found in sorted(results["left_out"].items()):
        length, _, line = said.partition(", ")
        if line == CLEAN and found.get("within") is not None:
            yield Row("voice", "mean within a page", name, length, auc=found["within"])
    for page, area in sorted(results["left_out"].get(f"4 s, {CLEAN}", {}).get("pages", {}).items()):
        yield Row("voice", "page", page, name, auc=area)
    yield from _alerts(name, results.get("live", {}))


def _row(measure: str, group: str, condition: str, found: Mapping[str, Any]) -> Row:
    area, low, high, eer = found.get("cell", [None] * 4)
    counts = found["genuine"], found["spoof"]
    called = found.get("genuine called fake"), found.get("spoof called fake")
    note = "" if eer is None else f"EER {eer:.3f}"
    return Row("voice", measure, group, condition, *counts, area, low, high, *called, note)


def _alerts(name: str, live: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of what raises an alert in the joined speech of a page and generator, by kind of generator."""
    raised: dict[str, list[bool]] = {}
    for said, found in live.get("by_group", {}).items():
        if said.startswith("spoof "):
            raised.setdefault(said.split(": ")[-1].split("_")[0], []).append(found["alerts"] > 0)
    for kind, each in sorted(raised.items(), key=lambda item: -len(item[1])):
        share = round(sum(each) / len(each), 4)
        yield Row("voice", "alerts", KINDS.get(kind, kind), name, n_fake=len(each), called_fake_fake=share)
    if "spoof" in live:
        of = live["spoof"]
        for measure, share in (("alerts", of["alert"]), ("alerts within 15 s", of["soon"])):
            yield Row("voice", measure, "all", name, n_fake=of["generators"], called_fake_fake=share)
    if "genuine" in live:
        of = live["genuine"]
        rate, low, high = of["alerts_an_hour"]
        note = f"{of['alerts']} alerts in {of['minutes']} min: {rate} an hour ({low} to {high})"
        yield Row("voice", "false alarms", f"genuine pages ({name})", note=note)
