"""Observed files to figures of merit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ...stream.calibration import log_odds
from ..common import metrics
from ..data.datasets import Clip
from .replay import Judgement, Outcome, outcome, without_voice

SECONDS = (0.0, 1.0, 2.0, 4.0, 10.0)
"Seconds observed at which detection is told; 0: one frame, the first that was scored."
_BUCKETS: dict[str, tuple[int, tuple[float, ...], str]] = {
    "face": (2, (64.0, 96.0, 160.0, 256.0), "px"),
    "sharpness": (3, (0.35, 0.45, 0.6), ""),
    "bits": (6, (0.2, 0.5, 1.0), "bit/px/s"),
}
"Of quality: column in an observation, bounds, unit."
_SLACK = 0.3
"A clip counts as N seconds long although its last verdict falls so much short of it, s."


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled file with what was seen and said of it."""

    clip: Clip
    seen: Mapping[str, Any]
    said: Outcome


def cases(clips: Sequence[Clip], seen: Sequence[Mapping[str, Any]], judgement: Judgement) -> list[Case]:
    """Judge every observation that did not fail."""
    pairs = zip(clips, seen, strict=True)
    return [Case(clip, s, outcome(s, judgement)) for clip, s in pairs if s["error"] is None]


def assess(
    clips: Sequence[Clip], seen: Sequence[Mapping[str, Any]], judgement: Judgement, *, rounds: int = 1000
) -> dict[str, Any]:
    """Return every figure, ready for JSON.

    Args:
        clips: the labelled files.
        seen: what train.eval.observe saw of each.
        judgement: calibration, thresholds and alarm.
        rounds: of the bootstrap.
    """
    every = cases(clips, seen, judgement)
    scored = [case for case in every if case.said.fake is not None]
    faces_only = [
        Case(c.clip, c.seen, outcome(without_voice(c.seen), judgement)) for c in scored if c.said.face is not None
    ]
    return {
        "files": _coverage(clips, seen, every),
        "all": _figures(scored, rounds),
        "faces_only": _figures(faces_only, rounds) if any(c.said.voice is not None for c in scored) else None,
        "by_method": _by_method(scored, rounds),
        "by_quality": {name: _by_quality(scored, *how) for name, how in _BUCKETS.items()},
        "status": _status(scored),
        "worst": _worst(scored),
        "false_alarms": _false_alarms(every),
        "alarms": _detection(every),
        "by_seconds": [_after(scored, seconds, rounds) for seconds in SECONDS],
        "thresholds": {
            "calibration": [judgement.a, judgement.b],
            "fake": judgement.fake_at,
            "real": judgement.real_at,
            "alert": judgement.alarm.raise_at,
            "clear": judgement.alarm.clear_at,
        },
    }


def table(scored: Sequence[Case]) -> tuple[metrics.Labels, metrics.Scores, npt.NDArray[np.str_]]:
    """Return labels (n,), 1 for a fake, probabilities (n,) and people (n,) of cases."""
    return (
        np.array([int(c.clip.fake) for c in scored], np.int64),
        np.array([c.said.fake for c in scored], np.float64),
        np.array([c.clip.identity for c in scored], np.str_),
    )


def _coverage(clips: Sequence[Clip], seen: Sequence[Mapping[str, Any]], every: Sequence[Case]) -> dict[str, Any]:
    unscored = [c for c in every if c.said.fake is None]
    return {
        "given": len(clips),
        "scored": len(every) - len(unscored),
        "failed": [
            {"path": c.name, "error": s["error"]} for c, s in zip(clips, seen, strict=True) if s["error"] is not None
        ],
        "not_scored": [{"path": c.clip.name, "reasons": list(c.said.reasons)} for c in unscored],
        "people": len({c.identity for c in clips}),
        "hours": sum(float(s.get("seconds") or 0) for s in seen) / 3600,
    }


def _figures(scored: Sequence[Case], rounds: int) -> dict[str, Any]:
    labels, p, people = table(scored)
    # Ranks are taken of log-odds: probabilities near 1 run out of digits first.
    odds = np.array([log_odds(v) for v in p])

    def told(metric: metrics.Metric, values: metrics.Scores) -> dict[str, Any]:
        low, high = metrics.bootstrap(metric, labels, values, people, rounds) if len(labels) else (np.nan, np.nan)
        return {"value": number(metric(labels, values)), "low": number(low), "high": number(high)}

    return {
        "real": int((labels == 0).sum()),
        "fake": int((labels == 1).sum()),
        "auc": told(metrics.auc, odds),
        "eer": told(metrics.eer, odds),
        "tpr_at_fpr_0.01": told(_tpr(0.01), odds),
        "tpr_at_fpr_0.1": told(_tpr(0.1), odds),
        "brier": told(metrics.brier, p),
        "ece": told(metrics.ece, p),
    }


def _tpr(rate: float) -> Callable[[metrics.Labels, metrics.Scores], float]:
    return lambda labels, scores: metrics.tpr_at(labels, scores, rate)


def _by_method(scored: Sequence[Case], rounds: int) -> dict[str, Any]:
    real = [c for c in scored if not c.clip.fake]
    methods = sorted({c.clip.method for c in scored if c.clip.fake})
    return {name: _figures([*real, *(c for c in scored if c.clip.method == name)], rounds) for name in methods}


def _by_quality(scored: Sequence[Case], column: int, bounds: Sequence[float], unit: str) -> list[dict[str, Any]]:
    """AUC among files whose main face (the one seen most) is alike in one measure."""
    value = np.array([_measured(c.seen, column) for c in scored], np.float64)
    labels, p, _ = table(scored)
    edges = [-np.inf, *bounds, np.inf]
    out = []
    for low, high in pairwise(edges):
        here = (value >= low) & (value < high)
        if here.any():
            name = (
                f"under {high:g}" if low == -np.inf else f"{low:g} or more" if high == np.inf else f"{low:g}-{high:g}"
            )
            out.append(
                {
                    "bucket": f"{name} {unit}".strip(),
                    "real": int((labels[here] == 0).sum()),
                    "fake": int((labels[here] == 1).sum()),
                    "auc": number(metrics.auc(labels[here], p[here])),
                }
            )
    return out


def _measured(seen: Mapping[str, Any], column: int) -> float:
    rows = seen["quality"]
    if not rows:
        return float("nan")
    (main, _), *_ = Counter(row[1] for row in rows).most_common(1)
    known = [row[column] for row in rows if row[1] == main and row[column] is not None]
    return float(np.median(known)) if known else float("nan")


def _status(scored: Sequence[Case]) -> dict[str, Any]:
    """How often each status was given to genuine files and to fakes, and why `uncertain` was."""
    out: dict[str, Any] = {}
    for name, fake in (("real", False), ("fake", True)):
        side = [c for c in scored if c.clip.fake == fake]
        count = Counter(c.said.status for c in side)
        wrong = count["real" if fake else "fake"]
        out[name] = {
            "files": len(side),
            **{status: count[status] for status in ("real", "uncertain", "fake")},
            "wrong_interval": [number(v) for v in metrics.share_interval(wrong, len(side))],
            "reasons": dict(Counter(reason for c in side for reason in c.said.reasons).most_common()),
        }
    return out


def _worst(scored: Sequence[Case], count: int = 8) -> dict[str, list[dict[str, Any]]]:
    """The genuine files that look most fake, and the fakes that look most genuine: where to look next."""
    order = sorted(scored, key=lambda c: c.said.fake or 0.0)
    sides = {"real": [c for c in reversed(order) if not c.clip.fake], "fake": [c for c in order if c.clip.fake]}
    return {
        name: [{"path": c.clip.name, "probability": number(c.said.fake or 0.0), "status": c.said.status} for c in side]
        for name, side in ((name, side[:count]) for name, side in sides.items())
    }


def _false_alarms(every: Sequence[Case]) -> dict[str, Any]:
    real = [c for c in every if not c.clip.fake]
    hours = sum(c.said.seconds for c in real) / 3600
    alerts = sum(len(c.said.alerts) for c in real)
    low, high = metrics.rate_interval(alerts, hours)
    return {
        "alerts": alerts,
        "hours": number(hours),
        "per_hour": number(alerts / hours) if hours else None,
        "interval": [number(low), number(high)],
        "files": [c.clip.name for c in real if c.said.alerts],
    }


def _detection(every: Sequence[Case]) -> dict[str, Any]:
    fake = [c for c in every if c.clip.fake]
    first = [c.said.alerts[0][0] for c in fake if c.said.alerts]
    return {
        "fakes": len(fake),
        "alerted": len(first),
        "interval": [number(v) for v in metrics.share_interval(len(first), len(fake))],
        "median_seconds_to_alert": number(float(np.median(first))) if first else None,
    }


def _after(scored: Sequence[Case], seconds: float, rounds: int) -> dict[str, Any]:
    """Judge what was said after so many seconds, but not before anything was; of files that last so long."""
    long = [c for c in scored if c.said.moments and c.said.seconds >= seconds - _SLACK]
    then = [[m for m in c.said.moments if m[0] <= max(seconds, c.said.moments[0][0]) + 1e-6][-1] for c in long]
    labels = np.array([int(c.clip.fake) for c in long], np.int64)
    p = np.array([m[1] for m in then], np.float64)
    people = np.array([c.clip.identity for c in long], np.str_)
    low, high = metrics.bootstrap(metrics.auc, labels, p, people, rounds) if long else (np.nan, np.nan)
    called = np.array([m[2] == "fake" for m in then], bool)
    raised = np.array([any(t <= seconds + 1e-6 for t, _ in c.said.alerts) for c in long], bool)

    def share(what: npt.NDArray[np.bool_], side: int) -> float | None:
        return number(float(what[labels == side].mean())) if (labels == side).any() else None

    return {
        "seconds": seconds,
        "real": int((labels == 0).sum()),
        "fake": int((labels == 1).sum()),
        "auc": {"value": number(metrics.auc(labels, p)), "low": number(low), "high": number(high)},
        "called_fake": share(called, 1),
        "genuine_called_fake": share(called, 0),
        "alerted": share(raised, 1),
        "genuine_alerted": share(raised, 0),
    }


def duration(seconds: float) -> str:
    """Name one of SECONDS, s."""
    return f"{seconds:g} s" if seconds else "one frame"


def number(value: float) -> float | None:
    """Round for JSON; NaN, which it has not, becomes None."""
    return None if not np.isfinite(value) else round(float(value), 4)
