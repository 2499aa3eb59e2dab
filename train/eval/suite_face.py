"""The part of the suite that is about faces in video.

Reads FOLDS/left-out.json and FOLDS/before.json of train.face.answers: what encoders say of the clips of groups, and of
the people, that they were not trained on, and what the encoder said that they were tuned from. The shipped model, which
has learned from all of these, is asked of the old methods alone, through the path that users run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from ...stream.calibration import log_odds
from ...stream.errors import ConfigError
from ...stream.scan.scanner import Job
from ..common.metrics import Labels, Scores, auc
from ..data import datasets
from ..data.datasets import Clip
from ..data.labelled_faces import group_of
from . import suite
from .assess import Case, cases
from .evaluate import identity
from .replay import Judgement
from .run import gather
from .suite import Result, Row

_OLD = "dev/"
_LEAST = 4
"Genuine clips that a group needs to be told from its own."


def measure(data: Path, folds: Path | None, err: TextIO) -> Result:
    """Measure.

    Args:
        data: the folder with clips/manifest.csv.
        folds: where left-out.json and before.json lie.
        err: progress.
    """
    if folds is None:
        raise ConfigError("the faces' part of the suite needs --folds DIR, of python -m truefeed.train.face.answers")
    job = Job("cpu", "centerface", None, None)
    models = job.load()
    judgement = Judgement.of(models)
    old = [clip for clip in datasets.read(data / "clips") if clip.name.startswith(_OLD)]
    observed = cases(old, gather(old, job, folds / "observed", jobs=1, err=err), judgement)
    after, before = (answers(folds / name, judgement) for name in ("left-out.json", "before.json"))
    rows = [*left_out(after, before), *false_alarms(after), *found_in_time(after), *old_methods(observed)]
    command = "truefeed evaluate --suite --dataset DATA --folds FOLDS --parts face --out docs/results"
    known = identity(models)
    return Result(rows, {"face": known["sha256"], "face-window": known["window_sha256"]}, command)


def answers(path: Path, judgement: Judgement) -> list[Case]:
    """Read observations and judge them. Raises ConfigError where there are none."""
    if not path.exists():
        raise ConfigError(f"{path}: no answers of left-out groups: run python -m truefeed.train.face.answers first")
    held = json.loads(path.read_text())
    clips = [Clip(path, r["name"], r["fake"], r["method"], r["identity"], r["split"]) for r in held]
    return cases(clips, [row["seen"] for row in held], judgement)


def left_out(after: Sequence[Case], before: Sequence[Case]) -> list[Row]:
    """Rows of the groups that were left out, each beside its own genuine clips or other people, and their mean."""
    rows, was = [], []
    for group in sorted({group_of(case.clip.name) for case in after if case.clip.fake}):
        mine, note = beside(after, group)
        was.append(auc(*_judged(beside(before, group)[0])))
        rows.append(_row("left out", group, mine, f"{note}; before {was[-1]:.3f}"))
    values = [row.auc for row in rows if row.auc is not None]
    return [
        *rows,
        Row(
            "face",
            "left out",
            "mean over groups",
            auc=suite.number(float(np.mean(values))),
            n_fake=sum(row.n_fake for row in rows),
            note=f"before {np.mean(was):.3f}",
        ),
    ]


def beside(every: Sequence[Case], group: str) -> tuple[list[Case], str]:
    """The fakes of a group with its genuine clips, where it has enough, else with other people."""
    fakes = [case for case in every if case.clip.fake and group_of(case.clip.name) == group]
    own = [case for case in every if not case.clip.fake and group_of(case.clip.name) == group]
    if len(own) >= _LEAST:
        return [*own, *fakes], "beside its own genuine clips"
    return [*_others(every), *fakes], "beside other people"


def _others(every: Sequence[Case]) -> list[Case]:
    """Genuine clips of groups that have no fakes."""
    faked = {group_of(case.clip.name) for case in every if case.clip.fake}
    return [case for case in every if not case.clip.fake and group_of(case.clip.name) not in faked]


def _judged(chosen: Sequence[Case]) -> tuple[Labels, Scores]:
    labels = np.array([int(case.clip.fake) for case in chosen])
    return labels, np.array([log_odds(case.said.fake or 0.0) for case in chosen])


def _row(measure: str, group: str, chosen: Sequence[Case], note: str = "", condition: str = "") -> Row:
    labels, scores = _judged(chosen)
    people = np.array([case.clip.identity for case in chosen])
    called = np.array([case.said.status == "fake" for case in chosen])
    return suite.judged("face", measure, group, labels, scores, people, called=called, note=note, condition=condition)


def false_alarms(after: Sequence[Case]) -> Iterator[Row]:
    """Rows of genuine clips by group, none of whose people the encoder that is asked was trained on."""
    genuine = [case for case in after if not case.clip.fake]
    yield _row("false alarms", "all genuine", genuine)
    for group in sorted({group_of(case.clip.name) for case in genuine}):
        yield _row("false alarms", group, [case for case in genuine if group_of(case.clip.name) == group])


_RATES = (0.01, 0.05)


def found_in_time(after: Sequence[Case]) -> Iterator[Row]:
    """Rows of how many fakes are found within the clip where so many genuine clips have a moment as suspicious."""
    others = sorted(max(p for _, p, _ in case.said.moments) for case in after if not case.clip.fake)
    for rate in _RATES:
        limit = others[len(others) - 1 - int(rate * len(others))]
        for group in sorted({group_of(case.clip.name) for case in after if case.clip.fake}):
            mine = [case for case in after if case.clip.fake and group_of(case.clip.name) == group]
            first = [[t for t, p, _ in case.said.moments if p > limit] for case in mine]
            seconds = [times[0] for times in first if times]
            median = f"median after {np.median(seconds):.1f} s" if seconds else ""
            yield Row(
                "face",
                "time to detect",
                group,
                f"{rate:.0%} of genuine clips flagged",
                len(others),
                len(mine),
                called_fake_fake=suite.number(len(seconds) / len(mine)),
                note=median,
            )


def old_methods(observed: Sequence[Case]) -> list[Row]:
    """Rows of FaceForensics++: each method beside all genuine clips, and all together."""
    scored = [case for case in observed if case.said.fake is not None]
    methods = sorted({case.clip.method for case in scored if case.clip.fake})
    genuine = [case for case in scored if not case.clip.fake]
    rows = [
        _row("old methods", name, [*genuine, *(c for c in scored if c.clip.fake and c.clip.method == name)])
        for name in methods
    ]
    return [*rows, _row("old methods", "all", scored)]
