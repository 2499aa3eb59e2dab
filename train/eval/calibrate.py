"""Fit calibration and thresholds on what `truefeed evaluate` observed: `python -m truefeed.train.eval.calibrate`.

What is calibrated is the quantity that the live core puts through the sigmoid: the mean window logit of one face over
media time (stream.scoring.smoothing while a stream runs, stream.scoring.aggregate over a file). The two means have one
scale. A file stands for its most suspicious face whose evidence is not doubtful, since `fake` is never said of a
doubtful one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import norm

from ...engines import load
from ...stream.calibration import log_odds, sigmoid
from ...stream.errors import ConfigError
from ...stream.faces.quality import Limits
from ...stream.scoring.alarm_settings import AlarmSettings
from ...stream.scoring.models import card_of, window_file
from ..common import metrics
from ..common.card_file import restamp
from .replay import Judgement, outcome, with_alarm, without_voice

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted, and what it gives on the very data."""

    calibration: tuple[float, float]
    thresholds: dict[str, float]
    report: dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    rows = [r for path in args.observed for r in json.loads(path.read_text()) if r["seen"]["error"] is None]
    rows = [r for r in rows if args.only is None or r["name"].startswith(args.only)]
    found = fit(rows, false_positives=args.false_positives, false_reals=args.false_reals)
    sys.stderr.write(json.dumps(found.report, indent=1) + "\n")
    sys.stdout.write(json.dumps({"calibration": found.calibration, "thresholds": found.thresholds}) + "\n")
    if args.model is not None:
        said = {"observed": [path.parent.name for path in args.observed], "only": args.only, **found.report}
        head = into_card(args.model, found, dict(args.quality), said)
        sys.stderr.write(f"written into the card of {head}\n")
    return 0


def into_card(model: Path, found: Fit, quality: Mapping[str, float], said: Mapping[str, Any]) -> Path:
    """Write calibration and thresholds into the card of a face model's window file; return that file.

    Args:
        model: the face model.
        found: what was fitted.
        quality: limits that take the place of those in the cards.
        said: of the fit, for the card.
    """
    head = window_file(model)
    card = card_of(load(head, "cpu"))
    face = card_of(load(model, "cpu"))
    limits = asdict(Limits.of({**face.quality, **card.quality, **quality}))
    training = {**card.training, "calibrated": dict(said)}
    restamp(
        head,
        replace(card, calibration=found.calibration, thresholds=found.thresholds, quality=limits, training=training),
    )
    return head


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.eval.calibrate", description=__doc__)
    parser.add_argument(
        "--observed",
        type=Path,
        required=True,
        nargs="+",
        help="observed.json of truefeed evaluate, on dev data; several: as it came, over a poor line, ...",
    )
    parser.add_argument("--model", type=Path, help="face model; the card of its -window file is rewritten")
    parser.add_argument("--only", metavar="PREFIX", help="only files whose name begins so")
    parser.add_argument("--false-positives", type=float, default=0.015, help="genuine files called fake (0.015)")
    parser.add_argument("--false-reals", type=float, default=0.1, help="fakes called real (0.1)")
    parser.add_argument(
        "--quality",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a limit (stream.faces.quality)",
    )
    return parser.parse_args(argv)


def _pair(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if name not in asdict(Limits()):
        raise argparse.ArgumentTypeError(f"{name}: choose one of {', '.join(asdict(Limits()))}")
    return name, float(value)


def fit(rows: Sequence[Mapping[str, Any]], *, false_positives: float = 0.015, false_reals: float = 0.1) -> Fit:
    """Fit calibration and thresholds.

    Args:
        rows: as truefeed evaluate writes them to observed.json, none of them failed.
        false_positives: share of genuine files that may be called fake.
        false_reals: share of fakes that may be called real.

    Raises:
        ConfigError: one class has fewer than five files with evidence.
    """
    # The model of faces is judged by faces: a voice must neither raise nor calm its alarm.
    rows = [{**r, "seen": without_voice(r["seen"])} for r in rows]
    used = [(suspicion(r["seen"]), bool(r["fake"]), str(r["identity"])) for r in rows]
    known = [(z, fake, who) for z, fake, who in used if z is not None]
    logits = np.array([z for z, _, _ in known], np.float64)
    labels = np.array([fake for _, fake, _ in known], np.int64)
    people = np.array([who for _, _, who in known])
    if min((labels == 0).sum(), (labels == 1).sum()) < 5:
        raise ConfigError("too few files with evidence to calibrate on: five genuine and five fakes are the least")
    a, b = platt(logits, labels)
    cut = ceiling(logits[labels == 0], false_positives)
    judgement = Judgement(a, b)
    fake_at = judgement.probability(cut)
    low = float(np.quantile(logits[labels == 1], false_reals))
    real_at = min(judgement.probability(low), 0.5, fake_at)
    judgement = replace(judgement, fake_at=fake_at, real_at=real_at)
    genuine = [r["seen"] for r in rows if not r["fake"]]
    judgement = _alarm(judgement, genuine)
    thresholds = {
        "fake": fake_at,
        "real": real_at,
        "alert": judgement.alarm.raise_at,
        "clear": judgement.alarm.clear_at,
    }
    rounded = {name: round(value, 4) for name, value in thresholds.items()}
    report = _report(judgement, logits, labels, people, rows, false_positives)
    return Fit((round(a, 5), round(b, 5)), rounded, report)


def suspicion(seen: Mapping[str, Any]) -> float | None:
    """The logit of the most suspicious face whose evidence is not doubtful; None where there is none."""
    return max((float(logit) for _, logit, doubts, *_ in seen["tracks"] if not doubts), default=None)


def platt(logits: Numbers, labels: npt.NDArray[np.integer]) -> tuple[float, float]:
    """Fit probability = sigmoid(a * logit + b), a > 0, to logits and labels (n,), both classes counting the same.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999: the targets are drawn in from 0 and 1 by the
    number of examples, which keeps a finite where the classes do not overlap.
    """
    fakes, reals = int((labels == 1).sum()), int((labels == 0).sum())
    target = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    weight = np.where(labels == 1, 0.5 / fakes, 0.5 / reals)
    centre, scale = float(np.median(logits)), float(logits.std()) or 1.0
    x = (logits - centre) / scale

    def loss(parameters: Numbers) -> float:
        odds = np.exp(parameters[0]) * x + parameters[1]
        return float((weight * (np.logaddexp(0, odds) - target * odds)).sum() + 1e-3 * parameters[0] ** 2)

    log_a, b = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10}).x
    a = float(np.exp(log_a)) / scale
    return a, float(b) - a * centre


def ceiling(genuine: Numbers, share: float) -> float:
    """A logit that at most this share of genuine files, whose logits are (n,), should exceed.

    With a few dozen files the empirical quantile is a matter of luck, so the same quantile of a normal distribution
    counts where it is higher, and there is always some room above the files that are to stay below.
    """
    spread = float(genuine.std()) or 1.0
    ordered = np.sort(genuine)
    kept = ordered[len(ordered) - 1 - int(share * len(ordered))]
    return max(float(kept) + 0.1 * spread, float(genuine.mean() + norm.ppf(1 - share) * spread))


def _alarm(judgement: Judgement, genuine: Sequence[Mapping[str, Any]]) -> Judgement:
    """Raise the alarm's threshold until no genuine file sets it off, then half a unit of log-odds further."""
    base = log_odds(max(judgement.fake_at, 0.5))
    usual = AlarmSettings().early_at
    for step in range(40):
        level = sigmoid(base + 0.25 * step)
        tried = with_alarm(judgement, level, sigmoid(base + 0.25 * step - 1.5))
        if not any(outcome(seen, tried).alerts for seen in genuine):
            level = min(sigmoid(base + 0.25 * step + 0.5), max(usual, level))
            return with_alarm(judgement, level, sigmoid(log_odds(level) - 1.5))
    return with_alarm(judgement, 0.999, 0.9)


def _report(
    judgement: Judgement,
    logits: Numbers,
    labels: npt.NDArray[np.integer],
    people: npt.NDArray[np.str_],
    rows: Sequence[Mapping[str, Any]],
    share: float,
) -> dict[str, Any]:
    p = np.array([judgement.probability(z) for z in logits])
    wrong = int((p[labels == 0] >= judgement.fake_at).sum())
    said = [outcome(r["seen"], judgement) for r in rows]
    raised = [bool(o.alerts) for o in said]
    genuine = [not r["fake"] for r in rows]
    hours = sum(o.seconds for o, g in zip(said, genuine, strict=True) if g) / 3600
    alerts = sum(len(o.alerts) for o, g in zip(said, genuine, strict=True) if g)
    low, high = metrics.share_interval(wrong, int((labels == 0).sum()))
    per_hour = metrics.rate_interval(alerts, hours)
    return {
        "genuine": int((labels == 0).sum()),
        "fakes": int((labels == 1).sum()),
        "without_evidence": len(rows) - len(labels),
        "auc": round(metrics.auc(labels, logits), 4),
        "brier": round(metrics.brier(labels, p), 4),
        "ece": round(metrics.ece(labels, p), 4),
        "genuine_called_fake": wrong,
        "genuine_called_fake_95": [round(low, 4), round(high, 4)],
        "genuine_called_fake_with_person_held_out": _held_out(logits, labels, people, share),
        "fakes_called_fake": round(float((p[labels == 1] >= judgement.fake_at).mean()), 4),
        "fakes_called_real": round(float((p[labels == 1] <= judgement.real_at).mean()), 4),
        "genuine_called_real": round(float((p[labels == 0] <= judgement.real_at).mean()), 4),
        "false_alerts": alerts,
        "genuine_hours": round(hours, 4),
        "false_alerts_an_hour_95": [round(v, 2) if np.isfinite(v) else None for v in per_hour],
        "fakes_alerted": round(float(np.mean([r for r, g in zip(raised, genuine, strict=True) if not g])), 4),
    }


def _held_out(logits: Numbers, labels: npt.NDArray[np.integer], people: npt.NDArray[np.str_], share: float) -> float:
    """Share of genuine files that exceed the ceiling set without their person: a fairer estimate than the above."""
    real = labels == 0
    missed = 0
    for person in np.unique(people[real]):
        cut = ceiling(logits[real & (people != person)], share)
        missed += int((logits[real & (people == person)] > cut).sum())
    return round(missed / int(real.sum()), 4)


if __name__ == "__main__":
    sys.exit(main())
