"""Speech to learn from: a folder of genuine/ and spoof/, or one with a manifest.csv.

In genuine/ and spoof/ (also real/, bonafide/, fake/) lie sound files of any kind. A folder below genuine/ is a speaker;
one below spoof/ is a generator, and one below that a speaker. Whose folders have no names are split file by file. What
is not speech is taken out, as the live path does it.

A manifest.csv has a line a file: path, label (bonafide or spoof), generator, speaker and source or page; family, split
and licence where known. Its files are taken for trimmed speech.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...stream.audio.preprocess import level, prepare
from ...stream.audio.resample import RATE
from ...stream.errors import ConfigError
from ...stream.types import Floats
from .dataset import Clip, family, read

GENUINE, SPOOF = ("genuine", "real", "bonafide"), ("spoof", "fake")
"Names of folders."
ENDINGS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".wma", ".aiff", ".g722", ".mp4"})
LONGEST = 4 * RATE
"What is used of a clip, samples: genuine clips tend to be longer than spoof ones."
SHORTEST = RATE
"Of a clip that is used, samples."


def load(folder: Path) -> list[Clip]:
    """Read a folder. Raises ConfigError where it holds neither a manifest nor both kinds of speech."""
    rows = list(_manifest(folder) if (folder / "manifest.csv").is_file() else _tree(folder))
    clips = [clip for row in rows if (clip := _clip(folder, row)) is not None]
    if len({clip.fake for clip in clips}) < 2:
        raise ConfigError(
            f"{folder}: genuine and spoof speech of a second and more are needed: sound files in {folder.name}/genuine "
            f"and {folder.name}/spoof, or a manifest.csv"
        )
    return clips


def licences(folder: Path) -> list[str]:
    """Say what is learnt from, one line a source and label, for the card of a model."""
    if not (folder / "manifest.csv").is_file():
        return [f"{folder.name}: {n} {label} files" for label, n in Counter(r["label"] for r in _tree(folder)).items()]
    keys = Counter((row["source"], row["label"], row["licence"]) for row in _manifest(folder) if row["split"] != "dev")
    return [f"{source}: {count} {label} clips, {licence}" for (source, label, licence), count in sorted(keys.items())]


def _manifest(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            source = row.get("source") or row.get("page") or folder.name
            group = row.get("family") or family(row["generator"], source)
            known = {"source": source, "family": group, "split": row.get("split") or "train"}
            yield {"licence": "terms not stated", **row, **known}


def _tree(folder: Path) -> Iterator[dict[str, str]]:
    for label, names in (("bonafide", GENUINE), ("spoof", SPOOF)):
        for name in names:
            for path in sorted((folder / name).rglob("*")):
                if path.suffix.lower() not in ENDINGS or not path.is_file():
                    continue
                above = path.relative_to(folder / name).parts[:-1]
                made = (above[0] if above else "spoof") if label == "spoof" else "real"
                speaker = above[-1] if len(above) > (label == "spoof") else str(path.relative_to(folder))
                about = {"path": str(path.relative_to(folder)), "label": label, "generator": made, "family": made}
                yield about | {"source": folder.name, "speaker": speaker, "split": "train", "trim": "yes"}


def _clip(folder: Path, row: dict[str, str]) -> Clip | None:
    """Read one file; None for what has less than SHORTEST of speech or is kept for the end."""
    if row["split"] == "dev":
        return None
    try:
        samples = read(folder / row["path"])
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{folder / row['path']}: can't be read as sound: {error}") from None
    speech = (prepare(samples) if row.get("trim") else level(samples))[:LONGEST]
    if len(speech) < SHORTEST:
        return None
    about = {name: row[name] for name in ("generator", "family", "source", "speaker", "split", "path")}
    return Clip(_stored(speech)[None], row["label"] == "spoof", **about)


def _stored(samples: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """As Clip keeps them: see Clip.version."""
    return np.clip(np.round(samples * 32767 * 4), -32767, 32767).astype(np.int16)
