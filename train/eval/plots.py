"""The plots of an evaluation, as SVG to put into a page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...stream.errors import MissingExtraError
from ..common import metrics
from .assess import Case, table

_COLOURS = ("#1c2024", "#c4342d", "#2b6cb0", "#b7791f", "#2f855a", "#6b46c1", "#c05621", "#718096")


def need_matplotlib() -> None:
    """Raises MissingExtraError where matplotlib is absent: better before an hour of work than after."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtraError("matplotlib", "train") from None


def roc(scored: Sequence[Case]) -> str:
    """Detection over false alarms, all fakes together and a method each."""
    figure, axes = _figure("Share of genuine files flagged", "Share of fakes found")
    real = [c for c in scored if not c.clip.fake]
    groups = {name: [c for c in scored if c.clip.method == name] for name in _methods(scored)}
    groups = {"all": [c for c in scored if c.clip.fake], **groups} if len(groups) > 1 else groups
    for (name, fakes), colour in zip(groups.items(), _COLOURS, strict=False):
        labels, p, _ = table([*real, *fakes])
        alarm, found = metrics.roc(labels, p)
        axes.plot(alarm, found, color=colour, linewidth=2 if name == "all" else 1.2, label=name)
    axes.plot([0, 1], [0, 1], color="#98a2b0", linewidth=0.8, linestyle="--")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _svg(figure)


def reliability(scored: Sequence[Case]) -> str:
    """How often what was called so likely is true; both classes count the same."""
    figure, axes = _figure("Probability said", "Share of fakes among them")
    labels, p, _ = table(scored)
    said, true, weight = metrics.reliability(labels, p)
    axes.plot([0, 1], [0, 1], color="#98a2b0", linewidth=0.8, linestyle="--")
    axes.plot(said, true, color=_COLOURS[0], linewidth=1)
    axes.scatter(said, true, s=20 + 400 * weight, color=_COLOURS[1], alpha=0.7, linewidth=0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    return _svg(figure)


def scores(scored: Sequence[Case], thresholds: Mapping[str, Any]) -> str:
    """Every file's probability, a row a method, with the thresholds of the status."""
    figure, axes = _figure("Probability said", "")
    names = ["genuine", *_methods(scored)]
    rng = np.random.default_rng(0)
    for row, name in enumerate(names):
        p = np.array([c.said.fake for c in scored if c.clip.method == name], np.float64)
        colour = _COLOURS[4] if name == "genuine" else _COLOURS[1]
        axes.scatter(p, row + rng.uniform(-0.25, 0.25, len(p)), s=16, color=colour, alpha=0.6, linewidth=0)
    for key in ("real", "fake"):
        axes.axvline(thresholds[key], color=_COLOURS[0], linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.02, 1.02)
    axes.invert_yaxis()
    return _svg(figure)


def seconds(rows: Sequence[Mapping[str, Any]]) -> str:
    """AUC and the shares called fake and alerted against seconds observed."""
    figure, axes = _figure("Seconds observed", "")
    known = [row for row in rows if row["auc"]["value"] is not None]
    t = [row["seconds"] for row in known]
    axes.plot(t, [row["auc"]["value"] for row in known], color=_COLOURS[0], marker="o", markersize=4, label="AUC")
    low, high = ([row["auc"][k] for row in known] for k in ("low", "high"))
    if all(v is not None for v in (*low, *high)):
        axes.fill_between(t, low, high, color=_COLOURS[0], alpha=0.1, linewidth=0)
    for key, label, colour, line in (
        ("called_fake", "fakes called fake", _COLOURS[1], "-"),
        ("alerted", "fakes with an alert", _COLOURS[3], "-"),
        ("genuine_called_fake", "genuine called fake", _COLOURS[4], "--"),
    ):
        axes.plot(t, [row[key] for row in known], color=colour, marker="o", markersize=4, label=label, linestyle=line)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(0, None)
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def curve(rows: Sequence[Mapping[str, float]]) -> str:
    """Loss and every score of a training over its steps."""
    figure, axes = _figure("Step", "AUC on the dev clips")
    steps = [row["step"] for row in rows]
    names = [name for name in (rows[-1] if rows else {}) if name not in ("step", "loss", "pictures_s")]
    for name, colour in zip(names, _COLOURS, strict=False):
        known = [(row["step"], row[name]) for row in rows if name in row]
        wide = 2 if name == "all" else 1.2
        axes.plot(*zip(*known, strict=True), color=colour, linewidth=wide, marker=".", markersize=4, label=name)
    right = axes.twinx() if names else axes
    right.plot(steps, [row["loss"] for row in rows], color="#98a2b0", linewidth=1, linestyle="--", label="loss")
    right.set_ylabel("Loss (dashed)", fontsize=9)
    right.tick_params(labelsize=8)
    if names:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _svg(figure)


def _methods(scored: Sequence[Case]) -> list[str]:
    return sorted({c.clip.method for c in scored if c.clip.fake})


def _figure(x: str, y: str) -> tuple[Any, Any]:
    # Figure itself, not pyplot: no global state, no window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.grid(color="#e3e1dc", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    return figure, axes


def _svg(figure: Any) -> str:  # noqa: ANN401 - matplotlib has no types here
    out = io.StringIO()
    # A date would make two equal evaluations differ.
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
