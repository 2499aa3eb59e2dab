"""The plots of an evaluation, as SVG to put into a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..common import metrics
from ..common.curve import COLOURS, as_svg, new_figure
from .assess import Case, table


def roc(scored: Sequence[Case]) -> str:
    """Detection over false alarms, all fakes together and a method each."""
    figure, axes = new_figure("Share of genuine files flagged", "Share of fakes found")
    real = [c for c in scored if not c.clip.fake]
    groups = {name: [c for c in scored if c.clip.method == name] for name in _methods(scored)}
    groups = {"all": [c for c in scored if c.clip.fake], **groups} if len(groups) > 1 else groups
    for (name, fakes), colour in zip(groups.items(), COLOURS, strict=False):
        labels, p, _ = table([*real, *fakes])
        alarm, found = metrics.roc(labels, p)
        axes.plot(alarm, found, color=colour, linewidth=2 if name == "all" else 1.2, label=name)
    axes.plot([0, 1], [0, 1], color="#98a2b0", linewidth=0.8, linestyle="--")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return as_svg(figure)


def reliability(scored: Sequence[Case]) -> str:
    """How often what was called so likely is true; both classes count the same."""
    figure, axes = new_figure("Probability said", "Share of fakes among them")
    labels, p, _ = table(scored)
    said, true, weight = metrics.reliability(labels, p)
    axes.plot([0, 1], [0, 1], color="#98a2b0", linewidth=0.8, linestyle="--")
    axes.plot(said, true, color=COLOURS[0], linewidth=1)
    axes.scatter(said, true, s=20 + 400 * weight, color=COLOURS[1], alpha=0.7, linewidth=0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    return as_svg(figure)


def scores(scored: Sequence[Case], thresholds: Mapping[str, Any]) -> str:
    """Every file's probability, a row a method, with the thresholds of the status."""
    figure, axes = new_figure("Probability said", "")
    names = ["genuine", *_methods(scored)]
    rng = np.random.default_rng(0)
    for row, name in enumerate(names):
        p = np.array([c.said.fake for c in scored if c.clip.method == name], np.float64)
        colour = COLOURS[4] if name == "genuine" else COLOURS[1]
        axes.scatter(p, row + rng.uniform(-0.25, 0.25, len(p)), s=16, color=colour, alpha=0.6, linewidth=0)
    for key in ("real", "fake"):
        axes.axvline(thresholds[key], color=COLOURS[0], linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.02, 1.02)
    axes.invert_yaxis()
    return as_svg(figure)


def seconds(rows: Sequence[Mapping[str, Any]]) -> str:
    """AUC and the shares called fake and alerted against seconds observed."""
    figure, axes = new_figure("Seconds observed", "")
    known = [row for row in rows if row["auc"]["value"] is not None]
    t = [row["seconds"] for row in known]
    axes.plot(t, [row["auc"]["value"] for row in known], color=COLOURS[0], marker="o", markersize=4, label="AUC")
    low, high = ([row["auc"][k] for row in known] for k in ("low", "high"))
    if all(v is not None for v in (*low, *high)):
        axes.fill_between(t, low, high, color=COLOURS[0], alpha=0.1, linewidth=0)
    for key, label, colour, line in (
        ("called_fake", "fakes called fake", COLOURS[1], "-"),
        ("alerted", "fakes with an alert", COLOURS[3], "-"),
        ("genuine_called_fake", "genuine called fake", COLOURS[4], "--"),
    ):
        axes.plot(t, [row[key] for row in known], color=colour, marker="o", markersize=4, label=label, linestyle=line)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(0, None)
    axes.legend(frameon=False, fontsize=8)
    return as_svg(figure)


def _methods(scored: Sequence[Case]) -> list[str]:
    return sorted({c.clip.method for c in scored if c.clip.fake})
