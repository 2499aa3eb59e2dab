"""Which clips are held out together: whole families of generators, whole speakers."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from .dataset import Clip

FOLDS: tuple[frozenset[str], ...] = (
    frozenset({"hifigan", "hifigan_demo", "vits_demo"}),
    frozenset({"lyra", "flowavenet", "speedyspeech", "classic"}),
    frozenset({"world", "copy-world", "griffinlim", "copy-griffinlim", "styletts", "adaspeech"}),
    frozenset({"kokoro", "hibari", "piper", "diffgan", "fastspeech2"}),
)
"Families that are held out together. All that use HiFi-GAN by name leave together; own copies leave with their kind."


HALVES = len(FOLDS) // 2
"A front end is trained without one half of the folds: see leave_out."


def _names(fold: int) -> frozenset[str]:
    return frozenset(name.removesuffix("_demo") for name in FOLDS[fold])


def speaker_fold(speaker: str) -> int:
    return crc32(speaker.encode()) % len(FOLDS)


def half(fold: int) -> int:
    """Return which half of the folds this one is in."""
    return fold // 2


def leave_out(clips: Sequence[Clip], without: int | None) -> list[Clip]:
    """Return the clips of no family and no speaker of this half of the folds; all of them for None."""
    if without is None:
        return list(clips)
    folds = [fold for fold in range(len(FOLDS)) if half(fold) == without]
    names = frozenset().union(*(_names(fold) for fold in folds))
    return [c for c in clips if c.family not in names and speaker_fold(c.speaker) not in folds]


def split(clips: Sequence[Clip], fold: int | None) -> tuple[list[Clip], list[Clip]]:
    """Return what to train on and what is held out.

    With a fold, held out are its families, and the genuine clips of a quarter of the speakers, who leave the training
    with both labels; without, the clips that the manifest calls `dev`.
    """
    train = [c for c in clips if c.split == "train"]
    if fold is None:
        return train, [c for c in clips if c.split != "train"]
    names = _names(fold)
    out = [c for c in train if (c.family in names if c.fake else speaker_fold(c.speaker) == fold)]
    kept = [c for c in train if c.family not in names and speaker_fold(c.speaker) != fold]
    return kept, [c for c in out if not c.family.startswith("copy-")]


def held(clips: Sequence[Clip], without: int | None) -> frozenset[int]:
    """Return the indices of the clips that this half of the folds holds out; for None of those called `dev`."""
    folds = [None] if without is None else [fold for fold in range(len(FOLDS)) if half(fold) == without]
    ids = {id(clip) for fold in folds for clip in split(clips, fold)[1]}
    return frozenset(i for i, clip in enumerate(clips) if id(clip) in ids)
