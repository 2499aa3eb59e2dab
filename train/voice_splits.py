"""Which clips are held out together: whole families of generators, whole speakers."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from .voice_data import Clip

FOLDS: tuple[frozenset[str], ...] = (
    frozenset({"hifigan", "hifigan_demo", "vits_demo"}),
    frozenset({"lyra", "flowavenet", "speedyspeech", "classic"}),
    frozenset({"world", "copy-world", "griffinlim", "copy-griffinlim", "styletts", "adaspeech"}),
    frozenset({"kokoro", "piper", "diffgan", "fastspeech2"}),
)
"Families that are held out together. All that use HiFi-GAN by name leave together; own copies leave with their kind."


def _names(fold: int) -> frozenset[str]:
    return frozenset(name.removesuffix("_demo") for name in FOLDS[fold])


def speaker_fold(speaker: str) -> int:
    return crc32(speaker.encode()) % len(FOLDS)


def tunes(speaker: str) -> bool:
    """Tell whether the front end was trained on this speaker, whose genuine clips are then not asked about."""
    return crc32(f"front {speaker}".encode()) % 6 == 0


def split(clips: Sequence[Clip], fold: int | None) -> tuple[list[Clip], list[Clip]]:
    """Return what to train on and what is held out.

    With a fold, held out are its families, and the genuine clips of a quarter of the speakers, who leave the training
    with both labels; without, the clips that the manifest calls `dev`.
    """
    train = [c for c in clips if c.split == "train"]
    if fold is None:
        return train, [c for c in clips if c.split != "train"]
    names = _names(fold)
    out = [
        c for c in train if (c.family in names if c.fake else speaker_fold(c.speaker) == fold and not tunes(c.speaker))
    ]
    kept = [c for c in train if c.family not in names and speaker_fold(c.speaker) != fold]
    return kept, [c for c in out if not c.family.startswith("copy-")]
