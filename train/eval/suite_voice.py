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
    for name in VOICES:
        path = folds / f"voice-{name}.json"
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; it is voice.json of `truefeed train voice`")
        rows += _rows(name, json.loads(path.read_text()))
    models = {f"voice, {name}": load(voice_file(name), "cpu").sha256 for name in VOICES}
    return Result(rows, models, "truefeed evaluate --suite --dataset DATA --folds docs/results --parts voice")


def _rows(name: str, results: Mapping[str, Any]) -> Iterator[Row]:
    for condition, row in results["left_out"].items():
        auc, low, high, eer = row.get("cell", [None] * 4)
        mean = row.get("within")
        note = f"EER {eer:.3f}" if eer is not None else ""
        note += f", mean within a page {mean:.3f}" if mean is not None else ""
        called = (row.get("genuine called fake"), row.get("spoof called fake"))
        yield Row(
            *("voice", "left out", f"pages ({name})", condition, row["genuine"], row["spoof"], auc, low, high),
            *called,
            note,
        )
    live = results.get("live", {})
    if "genuine" in live:
        row = live["genuine"]
        rate, low, high = row["alerts_an_hour"]
        note = f"{row['alerts']} alerts in {row['minutes']} min: {rate} an hour ({low} to {high})"
        yield Row("voice", "false alarms", f"genuine pages ({name})", note=note)
    if "spoof" in live:
        row = live["spoof"]
        note = f"alert at all {row['alert']:.0%}, within 15 s of speech {row['soon']:.0%}"
        yield Row("voice", "time to detect", f"{row['generators']} generators ({name})", note=note)
