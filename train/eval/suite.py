"""`truefeed evaluate --suite`: one table for all three models, of methods, pages and people that were left out.

Each part (face, voice, stills) measures itself in a module of its own, named in PARTS, which offers

    measure(data: Path, folds: Path | None, err: TextIO) -> Result

and is written to OUT/PART.json. The table is made of those files, so that it can be printed again without a model, and
one part can be measured anew without the others. OUT/suite.json holds all rows.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ...stream.atomic import write_text
from ...stream.errors import ConfigError
from ..common import metrics

PARTS = {"face": "eval.suite_face", "voice": "eval.suite_voice", "stills": "synthetic.suite"}
"Modules of train that measure the parts."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. None is not known or not asked, never 0."""

    part: str
    "`face`, `voice` or `stills`."
    measure: str
    "What is told: `left out`, `old methods`, `false alarms`, `poor line`, `time to detect`, ..."
    group: str
    "The methods, page, generator or kind of genuine recordings that the row is about."
    condition: str = ""
    "Line, length or codec, as in `360p:150k` or `2 s`; empty: as the files came."
    n_genuine: int = 0
    n_fake: int = 0
    "Files."
    auc: float | None = None
    low: float | None = None
    high: float | None = None
    "95% interval of the AUC, drawn over people (speakers, pages)."
    called_fake_genuine: float | None = None
    called_fake_fake: float | None = None
    "Shares of the genuine files and of the fakes that are called fake."
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a part measured."""

    rows: Sequence[Row]
    models: dict[str, str] = field(default_factory=dict)
    "Names of the files that were measured, and their sha256."
    command: str = ""
    "What to type to measure it again."
    made: str = ""
    "When, in ISO 8601."


def judged(
    part: str,
    measure: str,
    group: str,
    labels: metrics.Labels,
    scores: metrics.Scores,
    people: np.ndarray[Any, np.dtype[np.str_]],
    *,
    called: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
    condition: str = "",
    note: str = "",
) -> Row:
    """Make a row of (n,) labels (1 fake), scores (higher is more fake), people, and whether each was called fake."""
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    low, high = metrics.bootstrap(metrics.auc, labels, scores, people) if len(labels) else (np.nan, np.nan)
    genuine, fake = (
        None if called is None or not (labels == side).any() else number(float(called[labels == side].mean()))
        for side in (0, 1)
    )
    return Row(
        part,
        measure,
        group,
        condition,
        int((labels == 0).sum()),
        int((labels == 1).sum()),
        number(metrics.auc(labels, scores)),
        number(low),
        number(high),
        genuine,
        fake,
        note,
    )


def number(value: float) -> float | None:
    """Round for JSON; NaN, which it has not, becomes None."""
    return None if not np.isfinite(value) else round(float(value), 4)


def run(out: Path, data: Path | None, folds: Path | None, parts: Iterable[str], err: TextIO) -> list[Row]:
    """Measure parts where there is data, write what was found into the folder out, and return the rows of all parts.

    Raises:
        ConfigError: a part cannot be measured, or there is neither data nor a result.
    """
    if data is not None:
        out.mkdir(parents=True, exist_ok=True)
        for part in parts:
            write(out / f"{part}.json", _part(part).measure(data, folds, err))
            err.write(f"written: {out / f'{part}.json'}\n")
    found = [read(file) for file in (out / f"{part}.json" for part in PARTS) if file.exists()]
    if not found:
        raise ConfigError(f"{out}: no results of a suite in it; --dataset DATA measures")
    rows = [row for result in found for row in result.rows]
    if data is not None:
        models = {name: sha for result in found for name, sha in result.models.items()}
        write(out / "suite.json", Result(rows, models, "truefeed evaluate --suite --dataset DATA"))
    return rows


def _part(name: str) -> Any:  # noqa: ANN401 - a module
    train = str(__package__).rpartition(".")[0]
    try:
        return importlib.import_module(f"{train}.{PARTS[name]}")
    except KeyError:
        raise ConfigError(f"{name}: no part of the suite; choose from {', '.join(PARTS)}") from None
    except ModuleNotFoundError as error:
        if error.name != f"{train}.{PARTS[name]}":
            raise
        raise ConfigError(f"{name}: this part of the suite is not built") from None


def write(path: Path, result: Result) -> None:
    """Write a result at once or not at all; one without a date is of now."""
    made = result.made or time.strftime("%Y-%m-%dT%H:%M:%S%z")
    lines = ",\n  ".join(json.dumps(asdict(row)) for row in result.rows)
    head = json.dumps({"made": made, "models": result.models, "command": result.command}, indent=1)
    write_text(path, f'{head[:-2]},\n "rows": [\n  {lines}\n ]\n}}\n')


def read(path: Path) -> Result:
    """Read a result. Raises ConfigError where the file holds none."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row(**row) for row in held["rows"]]
        return Result(rows, held["models"], held["command"], held["made"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no result of truefeed evaluate --suite ({error})") from None


_HEAD = (
    "part",
    "measure",
    "group",
    "condition",
    "genuine",
    "fake",
    "AUC (95%)",
    "called fake: genuine",
    "fake",
    "note",
)


def table(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """Return the table, in columns to read or as Markdown."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    if markdown:
        lines = [f"| {' | '.join(line)} |" for line in cells]
        return "\n".join([lines[0], "|" + "---|" * len(_HEAD), *lines[1:]])
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    area = _share(row.auc, 3)
    if row.low is not None and row.high is not None:
        area += f" ({_share(row.low, 2)} to {_share(row.high, 2)})"
    return (
        row.part,
        row.measure,
        row.group,
        row.condition,
        str(row.n_genuine),
        str(row.n_fake),
        area,
        _share(row.called_fake_genuine, 3),
        _share(row.called_fake_fake, 2),
        row.note,
    )


def _share(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
