"""False alarms an hour and time to detect: held-out speech, clip after clip, through the whole live path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from ..engines import Card, Engine
from ..stream.audio import RATE
from .metrics import rate_interval
from .voice_data import Clip
from .voice_net import VoiceNet
from .voice_observe import NetEngine, joined, listen
from .voice_splits import half, split

KINDS = {"librispeech_tc100": "read, close, clean", "ravdess": "expressive", "pyannote_meeting": "meeting, far field"}
"Kinds of genuine speech by source; the rest are demo pages: read, studio."


def alarms(
    clips: Sequence[Clip],
    fronts: Sequence[Engine],
    runs: Sequence[tuple[int, VoiceNet]],
    results: dict[str, Any],
    seconds: int,
    out: TextIO,
) -> dict[str, Any]:
    """Hear up to so many seconds a kind and fold; print and return alerts, windows called fake, first alert."""
    heard: dict[str, dict[str, float]] = {}
    firsts: dict[str, list[float]] = {}
    stretches: Counter[str] = Counter()
    for fold, model in runs:
        card = Card(
            "voice", "fold", "0", window=4.0, calibration=results["calibration"], thresholds=results["thresholds"]
        )
        for name, members in _groups(split(clips, fold)[1]).items():
            samples = joined([clip.version(0) for clip in members])[: seconds * RATE]
            row, first = _hear(NetEngine(fronts[half(fold)], model, card), samples)
            total = heard.setdefault(name, dict.fromkeys(row, 0.0))
            for key, value in row.items():
                total[key] += value
            firsts.setdefault(name, []).extend(first)
            stretches[name] += 1
    table: dict[str, Any] = {}
    for name, row in sorted(heard.items()):
        hours, share = row["seconds"] / 3600, row["fake"] / max(row["windows"], 1.0)
        table[name] = {"minutes": round(hours * 60, 1), "alerts": int(row["alerts"]), "windows_fake": round(share, 4)}
        text = f"{hours * 60:5.1f} min: {int(row['alerts'])} alerts; {share:.1%} of windows fake"
        if name.startswith("genuine"):
            low, high = rate_interval(int(row["alerts"]), hours)
            table[name]["alerts_an_hour"] = [round(row["alerts"] / hours, 2), round(low, 2), round(high, 2)]
            text += f"; {row['alerts'] / hours:.1f} alerts an hour [{low:.1f} {high:.1f}]"
        elif firsts[name]:
            table[name]["first_alert_s"] = round(float(np.median(firsts[name])), 1)
            median = float(np.median(firsts[name]))
            text += f"; first alert after {median:.1f} s ({len(firsts[name])} of {stretches[name]} stretches)"
        out.write(f"  live, {name:32s} {text}\n")
    return table


def _groups(held: Sequence[Clip]) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = {}
    for clip in held:
        name = f"spoof: {clip.family}" if clip.fake else f"genuine: {KINDS.get(clip.source, 'demo pages')}"
        groups.setdefault(name, []).append(clip)
    return groups


def _hear(engine: Engine, samples: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[dict[str, float], list[float]]:
    verdicts = list(listen(engine, samples))
    raised = [a for _, alerts in verdicts for a in alerts if a.raised and a.subject == "voice"]
    scored = [voice for voice, _ in verdicts if voice.fake is not None]
    row = {
        "seconds": len(samples) / RATE,
        "alerts": float(len(raised)),
        "windows": float(len(scored)),
        "fake": float(sum(v.status == "fake" for v in scored)),
    }
    return row, [raised[0].t] if raised else []
