"""The part of the suite that is about faces in video.

Reads FOLDS/answers.npz of train.face.left_out: what encoders say of the clips of groups, and of the people, that they
were not trained on. The shipped model, which has learned from all of these, is asked of the old methods alone, through
the path that users run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from ...stream.errors import ConfigError
from ...stream.scan.scanner import Job
from ...stream.types import Floats
from ..data import datasets
from . import suite
from .assess import Case, cases
from .evaluate import identity
from .replay import Judgement
from .run import gather
from .suite import Result, Row

_OLD = "dev/"
_LEAST = 4
"Genuine clips that a group needs to be told from its own."


@dataclass(frozen=True, eq=False)
class Answers:
    """One row a clip."""

    clip: npt.NDArray[np.str_]
    label: npt.NDArray[np.integer]
    group: npt.NDArray[np.str_]
    identity: npt.NDArray[np.str_]
    said: Floats
    "Mean frame logit, of the folds that left the clip out."
    before: Floats
    "The same of the encoder before it was tuned."

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read what train.face.left_out wrote. Raises ConfigError where there is nothing."""
        if not path.exists():
            raise ConfigError(
                f"{path}: no answers of left-out groups: run python -m truefeed.train.face.left_out first"
            )
        with np.load(path) as table:
            clips, first, member = np.unique(table["clip"], return_index=True, return_inverse=True)
            known = [_clip_means(table[name], member) for name in ("chosen", "before")]
            return cls(clips, *(table[name][first] for name in ("label", "group", "identity")), *known)


def _clip_means(said: Floats, member: npt.NDArray[np.intp]) -> Floats:
    """(folds, faces), NaN where a face was not left out, to (clips,)."""
    present = ~np.isnan(said)
    total = np.bincount(member, np.where(present, said, 0).sum(0))
    count = np.bincount(member, present.sum(0))
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan), np.float32)


def measure(data: Path, folds: Path | None, err: TextIO) -> Result:
    """Measure.

    Args:
        data: the folder with clips/manifest.csv.
        folds: what truefeed.train.face.left_out wrote.
        err: progress.
    """
    if folds is None:
        raise ConfigError("the faces' part of the suite needs --folds DIR, of python -m truefeed.train.face.left_out")
    answers = Answers.read(folds / "answers.npz")
    job = Job("cpu", "centerface", None, None)
    models = job.load()
    judgement = Judgement.of(models)
    old = [clip for clip in datasets.read(data / "clips") if clip.name.startswith(_OLD)]
    observed = cases(old, gather(old, job, folds / "observed", jobs=1, err=err), judgement)
    rows = [*left_out(answers, judgement), *old_methods(observed)]
    command = "truefeed evaluate --suite --dataset DATA --folds FOLDS --parts face --out docs/results"
    return Result(rows, identity(models), command)


def left_out(answers: Answers, judgement: Judgement) -> list[Row]:
    """Rows of the groups that were left out, their mean, and false alarms by kind of genuine clip."""
    known = ~np.isnan(answers.said) & ~np.char.startswith(answers.clip, _OLD)
    fake, genuine = known & (answers.label == 1), known & (answers.label == 0)
    others = genuine & ~np.isin(answers.group, answers.group[fake])
    called = judgement.a * answers.said + judgement.b > np.log(judgement.fake_at / (1 - judgement.fake_at))
    rows, before = [], []
    for group in np.unique(answers.group[fake]):
        own = genuine & (answers.group == group)
        against, note = (
            (own, "beside its own genuine clips") if own.sum() >= _LEAST else (others, "beside other people")
        )
        keep = against | (fake & (answers.group == group))
        table = answers.label[keep], answers.identity[keep]
        rows.append(
            suite.judged("face", "left out", group, table[0], answers.said[keep], table[1], called=called[keep])
        )
        was = suite.judged("face", "left out", group, table[0], answers.before[keep], table[1])
        before.append(was.auc or np.nan)
        rows[-1] = _noted(rows[-1], f"{note}; before {was.auc:.3f}")
    return [*rows, _mean(rows, before), *_false_alarms(answers, genuine, called)]


def _noted(row: Row, note: str) -> Row:
    return Row(**{**{name: getattr(row, name) for name in row.__slots__}, "note": note})


def _mean(rows: list[Row], before: list[float]) -> Row:
    values = [row.auc for row in rows if row.auc is not None]
    return Row(
        "face",
        "left out",
        "mean over groups",
        n_genuine=sum(row.n_genuine for row in rows),
        n_fake=sum(row.n_fake for row in rows),
        auc=suite.number(float(np.mean(values))),
        note=f"before {np.mean(before):.3f}",
    )


def _false_alarms(answers: Answers, genuine: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> Iterator[Row]:
    kinds = {"all genuine": genuine} | {
        name: genuine & (answers.group == name) for name in np.unique(answers.group[genuine])
    }
    for name, keep in kinds.items():
        label, who = answers.label[keep], answers.identity[keep]
        yield suite.judged("face", "false alarms", name, label, answers.said[keep], who, called=called[keep])


def old_methods(observed: list[Case]) -> list[Row]:
    """Rows of FaceForensics++: each method beside all genuine clips, and all together."""
    scored = [case for case in observed if case.said.fake is not None]
    methods = sorted({case.clip.method for case in scored if case.clip.fake})
    rows = []
    for method in [*methods, "all"]:
        chosen = [c for c in scored if not c.clip.fake or method in ("all", c.clip.method)]
        labels = np.array([int(c.clip.fake) for c in chosen])
        scores = np.array([c.said.fake or 0.0 for c in chosen])
        called = np.array([c.said.status == "fake" for c in chosen])
        who = np.array([c.clip.identity for c in chosen])
        rows.append(suite.judged("face", "old methods", method, labels, scores, who, called=called))
    return rows
