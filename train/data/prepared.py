"""What `truefeed preprocess` cut out of a labelled data set, and who of it is learnt from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...stream.atomic import write_text
from ...stream.errors import ConfigError
from ...stream.types import Floats
from .datasets import Clip
from .manifest import ORIGIN

_VALIDATION = ("val", "valid", "validation", "dev")
LEAST_METHODS = 3
"So many methods there are before one is held out by itself."


@dataclass(frozen=True, eq=False, slots=True)
class Faces:
    """The faces of one clip, one row a face; a fake has but one track."""

    clip: Clip
    "Its path is where the file lay when it was cut."
    record: Path
    files: tuple[Path, ...]
    "The stored crops."
    track: npt.NDArray[np.integer]
    t: Floats
    "Media time, s."
    px: Floats
    "Side of the tight face square in the frame, px."
    points: Floats
    "(n, 5, 2), px of the stored crop."

    def mesh(self) -> Floats:
        """(n, 468, 2), px of the stored crop."""
        with np.load(self.record) as table:
            return np.asarray(table["mesh"], np.float32)


@dataclass(frozen=True, slots=True)
class Split:
    """Who is learnt from and who is not."""

    train: list[Faces]
    validation: list[Faces]
    "Other people, and of fakes also the methods held out: for stopping, calibration and thresholds."
    test: list[Faces]
    "The official test part, where there is one: measured at the end, looked at for nothing else."
    held_out: tuple[str, ...]
    "Methods that are not in `train`."


def read(folder: Path, files: Path | None = None) -> list[Faces]:
    """Read a prepared set; clips of which no face was cut are left out.

    Args:
        folder: that `truefeed preprocess` wrote.
        files: the folder of the data set, where it moved since.

    Raises:
        ConfigError: it is no such folder, or an old one.
    """
    records = sorted(p for p in (folder / "clips").glob("*.npz") if not p.name.endswith(".part.npz"))
    if not records:
        raise ConfigError(f"{folder}: no prepared data set: run truefeed preprocess --dataset DATA --output-dir DIR")
    if files is None and not (folder / ORIGIN).is_file():
        raise ConfigError(f"{folder}: prepared by an older version: run truefeed preprocess once more")
    root = files or Path(json.loads((folder / ORIGIN).read_text(encoding="utf-8"))["dataset"])
    found = [_faces(record, folder, root) for record in records]
    return [faces for faces in found if len(faces.files)]


def _faces(record: Path, folder: Path, root: Path) -> Faces:
    with np.load(record) as table:
        said = json.loads(str(table["clip"]))
        clip = Clip(
            *(root / said["clip"], said["clip"], said["label"] == "fake", said["method"], said["identity"]),
            split=said["split"],
            pair=said.get("pair", ""),
            donor=said.get("donor", ""),
        )
        files = tuple(folder / str(name) for name in table["files"])
        columns = (np.asarray(table[name]) for name in ("track", "t", "px", "points"))
        return Faces(clip, record, files, *columns)


def split(clips: Sequence[Faces], *, share: float, hold_out: Iterable[str] | None, seed: int) -> Split:
    """Split by people, and leave methods out of training.

    Where the data set has official parts they are kept, and people are drawn only for what it lacks. A fake whose
    person or donor is held back is learnt from by nobody; it is validated on where its person is.

    Args:
        clips: as read.
        share: of the people to hold back for validation, where the data set names none.
        hold_out: methods to leave out; None: of three methods or more the one with the fewest clips.
        seed: of the draw.

    Raises:
        ConfigError: a method is not there, or nothing is left to learn from or to validate on.
    """
    methods = Counter(faces.clip.method for faces in clips if faces.clip.fake)
    held = _held_out(methods, hold_out)
    test = [faces for faces in clips if faces.clip.split == "test"]
    rest = [faces for faces in clips if faces.clip.split != "test"]
    people = {faces.clip.identity for faces in rest if faces.clip.split in _VALIDATION}
    people = people or _drawn(sorted({faces.clip.identity for faces in rest}), share, seed)
    validation = [faces for faces in rest if faces.clip.identity in people]
    others = [faces for faces in rest if faces.clip.identity not in people]
    train = [faces for faces in others if faces.clip.donor not in people and faces.clip.method not in held]
    for part, name in ((train, "learn from"), (validation, "validate on")):
        if not any(not faces.clip.fake for faces in part):
            raise ConfigError(f"there is no genuine person left to {name}: the data set has {_told(clips)}")
    return Split(train, validation, test, held)


def write_split(path: Path, parts: Split, prepared: Path, files: Path | None) -> None:
    """Write a split, so that another process reads the very same one."""
    names = {part: [f.clip.name for f in getattr(parts, part)] for part in ("train", "validation", "test")}
    root = None if files is None else str(files.resolve())
    text = {"prepared": str(prepared.resolve()), "files": root, "held_out": parts.held_out, **names}
    write_text(path, json.dumps(text, indent=1), "surrogateescape")


def chosen(path: Path, part: str) -> list[Faces]:
    """Read one part of a split that was written: `train`, `validation` or `test`."""
    text = json.loads(path.read_text(encoding="utf-8"))
    names = set(text[part])
    found = read(Path(text["prepared"]), text["files"] and Path(text["files"]))
    return [faces for faces in found if faces.clip.name in names]


def _held_out(methods: Counter[str], wanted: Iterable[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return (min(sorted(methods), key=methods.__getitem__),) if len(methods) >= LEAST_METHODS else ()
    chosen = tuple(dict.fromkeys(wanted))
    if unknown := [name for name in chosen if name not in methods]:
        raise ConfigError(f"--hold-out {unknown[0]}: the data set's methods are {', '.join(sorted(methods)) or 'none'}")
    return chosen


def _drawn(people: list[str], share: float, seed: int) -> set[str]:
    count = min(max(1, round(share * len(people))), len(people) - 1)
    return set(np.random.default_rng(seed).choice(people, count, replace=False)) if count > 0 else set()


def _told(clips: Sequence[Faces]) -> str:
    genuine = [faces for faces in clips if not faces.clip.fake]
    people = {faces.clip.identity for faces in genuine}
    return f"{len(genuine)} genuine clips of {len(people)} people and {len(clips) - len(genuine)} fakes with a face"
