"""False alarms an hour and time to detect of a readout, from seconds that were heard before; and of the live path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...stream.calibration import log_odds, sigmoid
from ...stream.scoring.fusion import fuse
from ...stream.types import Alert, Floats, Status, Verdict, VoiceVerdict
from ..common.metrics import rate_interval
from .dataset import Clip
from .live import raised
from .readout import Readout
from .score import WINDOW, even_at, row, weighed

Heard = Sequence[tuple[VoiceVerdict, Verdict]]
STEP, HIGHEST = 0.25, 0.99
SOON = 15.0
"Within which half of the generators shall raise an alert, s of speech."


def judged(
    moments: Floats, readout: Readout, calibration: tuple[float, float], thresholds: Mapping[str, float]
) -> Heard:
    """Return what the live path would say second by second of speech without a pause, given its moments (n, D)."""
    said, even = [], even_at(calibration)
    for end in range(1, len(moments) + 1):
        window = moments[max(0, end - round(WINDOW)) : end]
        logit = float(weighed(readout.logits(row(window.mean(0, keepdims=True))), len(window), even)[0])
        fake = sigmoid(logit, calibration)
        status: Status = "fake" if fake >= thresholds["fake"] else "real" if fake <= thresholds["real"] else "uncertain"
        reasons = (("too-short",) if end < 2 else ()) + (("borderline",) if status == "uncertain" else ())
        voice = VoiceVerdict(float(end), fake, "uncertain" if reasons else status, reasons, float(len(window)))
        fused, whole, why = fuse((), voice, t=voice.t, video=False)
        said.append((voice, Verdict("", voice.t, fused, whole, why, voice.fake, (), None)))
    return said


def alarms(groups: Mapping[str, Sequence[Heard]], levels: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return what becomes of stretches of speech, by the name of a group: `genuine ...` or `spoof ...`."""
    return {
        name: outcome(
            name, [(heard, float(len(heard)), raised(heard, levels["alert"], levels["clear"])) for heard in all_]
        )
        for name, all_ in sorted(groups.items())
    }


def quiet(genuine: Sequence[Heard], levels: Mapping[str, float]) -> float:
    """Return the least level of the alarm, in steps of STEP log-odds from `alert` up, at which these raise none."""
    odds = log_odds(levels["alert"])
    while True:
        level = round(sigmoid(odds), 3)
        if level >= HIGHEST or not any(raised(heard, level, levels["clear"]) for heard in genuine):
            return min(level, HIGHEST)
        odds += STEP


def outcome(name: str, parts: Sequence[tuple[Heard, float, list[Alert]]]) -> dict[str, Any]:
    """Return what became of stretches: the verdicts, length in s and alerts of each; genuine ones with an interval."""
    hours = sum(length for _, length, _ in parts) / 3600
    scored = [voice for each, _, _ in parts for voice, _ in each if voice.fake is not None]
    share = sum(v.status == "fake" for v in scored) / max(len(scored), 1)
    alerts = sum(len(rises) for _, _, rises in parts)
    found: dict[str, Any] = {"minutes": round(hours * 60, 1), "alerts": alerts, "windows_fake": round(share, 4)}
    firsts = [rises[0].t for _, _, rises in parts if rises]
    if name.startswith("genuine"):
        low, high = rate_interval(alerts, hours)
        found["alerts_an_hour"] = [round(alerts / hours, 2), round(low, 2), round(high, 2)]
    elif firsts:
        found["first_alert_s"] = round(float(np.median(firsts)), 1)
    return found


def stretches(clips: Sequence[Clip], moments: Sequence[Floats]) -> dict[str, Floats]:
    """Join the seconds of what belongs together: genuine speech of a page, spoof speech of a page and generator.

    (seconds, D) each.
    """
    groups: dict[str, list[Floats]] = {}
    for clip, each in zip(clips, moments, strict=True):
        name = f"spoof {clip.source}: {clip.generator}" if clip.fake else f"genuine {clip.source}"
        groups.setdefault(name, []).append(each)
    return {name: np.concatenate(parts) for name, parts in groups.items()}


def soon(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return how many generators there are, and the shares that raise an alert at all and within SOON s."""
    firsts = [row.get("first_alert_s") for name, row in found.items() if name.startswith("spoof")]
    heard = [first for first in firsts if first is not None]
    count = max(len(firsts), 1)
    within = sum(first <= SOON for first in heard)
    return {"generators": len(firsts), "alert": round(len(heard) / count, 3), "soon": round(within / count, 3)}
