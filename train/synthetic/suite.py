"""The part of the suite that is about still pictures.

Reads FOLDS/stills.npz of train.synthetic.reading: what readings say of a generator, and of the genuine pictures of its
road, that they did not learn from. The shipped model, which has learnt from all of these generators, is asked of them
through the path that users run, where both kinds of evidence are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from ...stream.calibration import sigmoids
from ...stream.errors import ConfigError
from ...stream.scan.scanner import Job
from ...stream.scoring.analyzer import Analyzer
from ...stream.scoring.models import Models, card_of
from ...stream.types import Image
from ..eval import suite
from ..eval.evaluate import identity
from ..eval.suite import Result, Row
from .dataset import CONDITIONS, Still, after, load, read

_MOST = 40
"Pictures of a source, and of a generator, that the shipped model is asked of."


@dataclass(frozen=True, eq=False)
class Answers:
    """J pictures under one condition each, and what was said of them by readings that had not seen them."""

    said: npt.NDArray[np.float64]
    "(1 + G, J): every generator known; then each left out, in the order of names. Not a number where not asked."
    fake: npt.NDArray[np.bool_]
    generator: npt.NDArray[np.str_]
    road: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    person: npt.NDArray[np.str_]
    condition: npt.NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read what train.synthetic.reading wrote beside its reading. Raises ConfigError where there is nothing."""
        if not path.exists():
            raise ConfigError(
                f"{path}: no answers on left-out generators: run python -m truefeed.train.synthetic.reading"
            )
        with np.load(path) as table:
            names = ("answers", "fake", "generator", "road", "source", "person", "condition")
            return cls(*(table[name] for name in names))

    def generators(self) -> list[str]:
        """Return the generators of still pictures, in order."""
        return sorted(set(self.generator[self.fake & (self.road != "clips")].tolist()))


def measure(data: Path, folds: Path | None, err: TextIO) -> Result:
    """Measure.

    Args:
        data: the folder with faces/ and clips/.
        folds: what truefeed.train.synthetic.reading wrote, as stills.npz; frames and faces are kept there, too.
        err: progress.
    """
    if folds is None:
        raise ConfigError(
            "the stills' part of the suite needs --folds DIR, of python -m truefeed.train.synthetic.reading"
        )
    answers = Answers.read(folds / "stills.npz")
    models = Job("cpu", "centerface", None, None).load()
    stills = read(data, folds / "stills")
    said = ask(models, stills, err)
    rows = [*left_out(answers, models), *as_shipped(said), *false_alarms(said)]
    command = "truefeed evaluate --suite --dataset DATA --folds FOLDS --parts stills --out docs/results"
    return Result(rows, identity(models), command)


def left_out(answers: Answers, models: Models) -> list[Row]:
    """Rows of each generator left out, and known, beside unseen genuine pictures of its road, by condition."""
    rows = []
    for number, generator in enumerate(answers.generators(), 1):
        fakes = answers.generator == generator
        genuine = ~answers.fake & (answers.road == answers.road[fakes][0])
        for condition, name in enumerate(CONDITIONS):
            keep = (fakes | genuine) & (answers.condition == condition)
            labels, people = answers.fake[keep].astype(np.int64), answers.person[keep]
            for measure, row in (("left out", number), ("known generator, other pictures", 0)):
                said = answers.said[row, keep]
                if np.isfinite(said).all() and len(said):
                    called = _called(said, models)
                    found = suite.judged(
                        "stills", measure, generator, labels, said, people, called=called, condition=name
                    )
                    rows.append(found)
    return sorted(rows, key=lambda row: row.measure, reverse=True)


def _called(said: npt.NDArray[np.float64], models: Models) -> npt.NDArray[np.bool_]:
    if models.still is None:
        return np.zeros(len(said), bool)
    card = card_of(models.still)
    return np.asarray(sigmoids(said, card.calibration) >= card.thresholds["fake"], bool)


@dataclass(frozen=True, slots=True)
class Said:
    """What `scan` says of one picture."""

    still: Still
    condition: str
    synthesised: float
    joined: float
    status: str


def ask(models: Models, stills: Sequence[Still], err: TextIO) -> list[Said]:
    """Ask the shipped models of some pictures of each source, drawn by a fixed chance."""
    groups: dict[tuple[str, str], list[Still]] = {}
    for still in stills:
        groups.setdefault((still.source, still.generator), []).append(still)
    rng, out = np.random.default_rng(0), []
    for (source, generator), mine in sorted(groups.items()):
        for i in rng.permutation(len(mine))[:_MOST]:
            apart = mine[i].road in ("real", "clips")
            for condition in CONDITIONS[:1] if apart else (CONDITIONS[0], CONDITIONS[-1]):
                image, points = load(mine[i])
                found = _scanned(models, after(image, points, condition)[0])
                out += [Said(mine[i], condition, *found)] if found else []
        err.write(f"{source} {generator}: {len(mine)} pictures, at most {_MOST} asked\n")
    return out


def _scanned(models: Models, image: Image) -> tuple[float, float, str] | None:
    """Return the evidence of synthesis, both kinds joined and the status of the most suspicious face."""
    faces = [f for f in Analyzer(models, source="").image(image).faces if f.get("synthesised") is not None]
    if not faces:
        return None
    face = max(faces, key=lambda f: f["fake"])
    return face["synthesised"], face["fake"], face["status"]


def as_shipped(said: Sequence[Said]) -> list[Row]:
    """Rows of each generator beside genuine pictures of its road: the evidence of synthesis, and both kinds joined."""
    rows = []
    roads = {s.still.generator: s.still.road for s in said if s.still.fake and s.still.road != "clips"}
    for generator, road in sorted(roads.items()):
        for condition in (CONDITIONS[0], CONDITIONS[-1]):
            mine = [
                s
                for s in said
                if s.condition == condition
                and (s.still.generator == generator or (not s.still.fake and s.still.road == road))
            ]
            labels = np.array([int(s.still.fake) for s in mine])
            if len(set(labels.tolist())) < 2:
                continue
            people = np.array([s.still.person for s in mine])
            called = np.array([s.status == "fake" for s in mine])
            for name, scores in (
                ("synthesis alone", [s.synthesised for s in mine]),
                ("joined", [s.joined for s in mine]),
            ):
                rows.append(
                    suite.judged(
                        "stills",
                        f"as shipped, {name}",
                        generator,
                        labels,
                        np.array(scores),
                        people,
                        called=called if name == "joined" else None,
                        condition=condition,
                        note="learnt from",
                    )
                )
    return rows


def false_alarms(said: Sequence[Said]) -> list[Row]:
    """Rows of genuine pictures called fake, by source, and of fakes of clips that are called so."""
    rows = []
    plain = [s for s in said if s.condition == CONDITIONS[0]]
    for source in sorted({s.still.source for s in plain if not s.still.fake}):
        mine = [s.status == "fake" for s in plain if not s.still.fake and s.still.source == source]
        rows.append(
            Row(
                "stills",
                "false alarms",
                source,
                n_genuine=len(mine),
                called_fake_genuine=suite.number(float(np.mean(mine))),
            )
        )
    for generator in sorted({s.still.generator for s in plain if s.still.fake and s.still.road == "clips"}):
        found = [s.status == "fake" for s in plain if s.still.generator == generator]
        rows.append(
            Row(
                "stills",
                "frames of clips",
                generator,
                n_fake=len(found),
                called_fake_fake=suite.number(float(np.mean(found))),
            )
        )
    return rows
