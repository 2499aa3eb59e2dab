"""The curve of a training, as a table and as a plot, and what every plot shares."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...stream.atomic import write_text
from ...stream.errors import MissingExtraError

COLOURS = ("#1c2024", "#c4342d", "#2b6cb0", "#b7791f", "#2f855a", "#6b46c1", "#c05621", "#718096")


def need_matplotlib() -> None:
    """Raises MissingExtraError where matplotlib is absent: better before an hour of work than after."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtraError("matplotlib", "train") from None


class Curve:
    """The curve of a training: a CSV, a plot beside it and a line on stderr."""

    def __init__(self, path: Path, *, resume: bool, writes: bool = True) -> None:
        """Prepare; without resume a curve that lies there is removed. Only one process of several writes."""
        self.path = path
        if writes and not resume:
            path.unlink(missing_ok=True)

    def write(self, step: int, loss: float, rate: float, scores: Mapping[str, float]) -> None:
        """Take a row: the mean loss since the last one, pictures a second, and the AUCs that were measured."""
        row = {"step": step, "loss": round(loss, 4), "pictures_s": round(rate, 1)}
        row |= {name: round(value, 4) for name, value in scores.items()}
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        write_text(self.path.with_suffix(".svg"), plot(self.rows()))
        sys.stderr.write("  ".join(f"{k} {v}" for k, v in row.items()) + "\n")

    def rows(self) -> list[dict[str, float]]:
        """Read what was written so far."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return [{k: float(v) for k, v in row.items() if k and v} for row in csv.DictReader(file)]

    def since_best(self, name: str) -> int:
        """Return how many rows ago this score was highest; 0 where it never was measured."""
        scores = [row[name] for row in self.rows() if name in row]
        return len(scores) - 1 - int(np.argmax(scores)) if scores else 0


def plot(rows: Sequence[Mapping[str, float]]) -> str:
    """Loss and every score of a training over its steps."""
    figure, axes = new_figure("Step", "AUC on the dev clips")
    steps = [row["step"] for row in rows]
    names = [name for name in (rows[-1] if rows else {}) if name not in ("step", "loss", "pictures_s")]
    for name, colour in zip(names, COLOURS, strict=False):
        known = [(row["step"], row[name]) for row in rows if name in row]
        wide = 2 if name == "all" else 1.2
        axes.plot(*zip(*known, strict=True), color=colour, linewidth=wide, marker=".", markersize=4, label=name)
    right = axes.twinx() if names else axes
    right.plot(steps, [row["loss"] for row in rows], color="#98a2b0", linewidth=1, linestyle="--", label="loss")
    right.set_ylabel("Loss (dashed)", fontsize=9)
    right.tick_params(labelsize=8)
    if names:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return as_svg(figure)


def new_figure(x: str, y: str) -> tuple[Any, Any]:
    """Return an empty figure of matplotlib with the names of its axes, and the axes."""
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


def as_svg(figure: Any) -> str:  # noqa: ANN401 - matplotlib has no types here
    """Return a figure as text to put into a page."""
    out = io.StringIO()
    # A date would make two equal evaluations differ.
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
