"""False alarms an hour and time to detect: held-out speech, clip after clip, through the whole live path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from ...engines import Card, Engine
from ...stream.audio import RATE
from ...stream.types import Alert, Verdict, VoiceVerdict
from ..common.metrics import rate_interval
from .dataset import Clip
from .folds import half, split
from .front import ROW
from .live_engine import NetEngine, joined, kept_up, listen, raised
from .perceptrons import VoiceNet
from .score import WINDOW

Heard = Sequence[tuple[VoiceVerdict, Verdict]]
KINDS = {
    "librispeech_tc100": "read, close, clean",
    "ravdess": "expressive",
    "pyannote_meeting": "meeting, far field",
    "asterisk": "telephone prompts",
    "ktuberling": "words, at home",
}
"Kinds of genuine speech by source or package; the rest are demo pages: read, studio."


def alarms(
    clips: Sequence[Clip],
    fronts: Sequence[Engine],
    runs: Sequence[tuple[int, VoiceNet]],
    results: dict[str, Any],
    seconds: int,
    out: TextIO,
    least: float = 0.0,
) -> dict[str, Any]:
    """Hear up to so many seconds a kind and fold; set the alarm, print and return what it does.

    The alarm is set half a unit of log-odds above what genuine speech kept up for 3 s, not under the threshold for
    fake nor under `least`. What is printed of a fold is what an alarm does that was set by the genuine speech of the
    other folds.
    """
    heard: dict[tuple[int, str], tuple[Heard, float]] = {}
    for fold, model in runs:
        card = Card(
            *("voice", "fold", "0"),
            input_size=(RATE, ROW),
            window=WINDOW,
            calibration=results["calibration"],
            thresholds=results["thresholds"],
        )
        engine = NetEngine(fronts[half(fold)], model, card)
        for name, members in _groups(split(clips, fold)[1]).items():
            samples = joined([clip.version(0) for clip in members])[: seconds * RATE]
            heard[fold, name] = list(listen(engine, samples)), len(samples) / RATE
    levels = results["thresholds"]
    least = max(least, levels["fake"])
    kept = {key: kept_up(each) for key, (each, _) in heard.items() if key[1].startswith("genuine")}
    found: dict[str, list[tuple[Heard, float, list[Alert]]]] = {}
    for (fold, name), (each, length) in sorted(heard.items()):
        at = _level([v for (other, _), v in kept.items() if other != fold], least)
        found.setdefault(name, []).append((each, length, raised(each, at, levels["fake"] - 0.1)))
    levels["alert"] = round(_level(list(kept.values()), least), 3)
    out.write(f"  live, the alarm is set to {levels['alert']}\n")
    return {name: outcome(name, parts, out) for name, parts in sorted(found.items())}


def _level(kept: Sequence[float], least: float) -> float:
    top = float(np.clip(max(kept, default=0.5), 0.01, 0.99))
    return float(np.clip(1 / (1 + (1 - top) / top * np.exp(-0.5)), least, 0.99))


def outcome(name: str, parts: Sequence[tuple[Heard, float, list[Alert]]], out: TextIO) -> dict[str, Any]:
    """Print and return what became of stretches: the verdicts, length in s and alerts of each.

    The name begins with `genuine` or `spoof`.
    """
    hours = sum(length for _, length, _ in parts) / 3600
    scored = [voice for each, _, _ in parts for voice, _ in each if voice.fake is not None]
    share = sum(v.status == "fake" for v in scored) / max(len(scored), 1)
    alerts = sum(len(rises) for _, _, rises in parts)
    row: dict[str, Any] = {"minutes": round(hours * 60, 1), "alerts": alerts, "windows_fake": round(share, 4)}
    text = f"{hours * 60:5.1f} min: {alerts} alerts; {share:.1%} of windows fake"
    firsts = [rises[0].t for _, _, rises in parts if rises]
    if name.startswith("genuine"):
        low, high = rate_interval(alerts, hours)
        row["alerts_an_hour"] = [round(alerts / hours, 2), round(low, 2), round(high, 2)]
        text += f"; {alerts / hours:.1f} alerts an hour [{low:.1f} {high:.1f}]"
    elif firsts:
        row["first_alert_s"] = round(float(np.median(firsts)), 1)
        text += f"; first alert after {row['first_alert_s']} s ({len(firsts)} of {len(parts)} stretches)"
    out.write(f"  live, {name:32s} {text}\n")
    return row


def package(clip: Clip) -> str:
    """Where a recording is from: its source is called after package and language; other sources have no parts."""
    return clip.source.split("-")[0]


def _groups(held: Sequence[Clip]) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = {}
    for clip in held:
        kind = KINDS.get(package(clip), "demo pages")
        name = f"spoof: {clip.family}" if clip.fake else f"genuine: {kind}"
        groups.setdefault(name, []).append(clip)
    return groups
