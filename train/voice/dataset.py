"""The voice data set in memory: genuine and spoof clips, and copies made from the genuine ones.

A manifest.csv (path, split, label, generator, source, speaker, seconds, licence) names the clips. All of them are
prepared as the live path does it; what takes long (copies, codecs) is done once and kept in a cache file a folder.
In a folder of made clips a column `copy_of` names the genuine clip that one was made from, sample by sample.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import av
import numpy as np
import numpy.typing as npt

from ...stream.atomic import replacing
from ...stream.audio.preprocess import level, prepare
from ...stream.audio.resample import RATE, resample
from ...stream.errors import ConfigError
from ...stream.types import Floats
from .channels import coded
from .vocoder_copies import KINDS, copy

VERSIONS = 3
"Of each clip: one as it is, the others each through a codec."
LONGEST = 5.0
"What is used of a clip, s: genuine clips are longer than spoof ones, and copies cost time."


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip with all its versions."""

    samples: npt.NDArray[np.int16]
    "(VERSIONS, n), 16 kHz, -30 dBFS times 4."
    fake: bool
    generator: str
    "As in the manifest, or `copy-KIND`."
    family: str
    "Generators that share how they make a waveform; `real` for genuine speech."
    source: str
    speaker: str
    split: str
    path: str
    "Of the file, or of the genuine clip that a copy was made from."

    @property
    def domain(self) -> str:
        """Whose recordings these are: copies that were made of a corpus count as that corpus."""
        return {"gen_copysyn_tc100": "librispeech_tc100", "gen_copysyn_rav": "ravdess"}.get(self.source, self.source)

    def version(self, index: int) -> Floats:
        """One version, (n,) float32, 16 kHz at -30 dBFS."""
        return np.asarray(self.samples[index], np.float32) / np.float32(32767 * 4)


def family(generator: str, source: str) -> str:
    """Group generators by what makes their waveform, demo pages by page."""
    if generator.startswith("real"):
        return "real"
    if source == "gen_classic":
        return "classic"
    if source.startswith("gen_copysyn") or source == "gen_kokoro":
        for name in ("hifigan", "lyra", "world", "griffinlim", "kokoro"):
            if generator.startswith(name):
                return name
    return source.removesuffix("_demo")


def _rows(folder: Path) -> list[dict[str, str]]:
    path = folder / "manifest.csv"
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; --dataset takes a folder with a manifest.csv that names its clips")
    with path.open() as file:
        return list(csv.DictReader(file))


def licences(folder: Path) -> list[str]:
    """Say what a manifest's training clips are, one line a source and label, for the card of a model."""
    rows = [row for row in _rows(folder) if row["split"] == "train"]
    keys = Counter((row["source"], row["label"], row["licence"]) for row in rows)
    return [f"{source}: {count} {label} clips, {licence}" for (source, label, licence), count in sorted(keys.items())]


def sources(folder: Path) -> frozenset[str]:
    """Return the sources that a manifest names."""
    return frozenset(row["source"] for row in _rows(folder))


def read(path: Path) -> Floats:
    """Decode a sound file of any kind to 16 kHz mono, (n,)."""
    with av.open(str(path), metadata_errors="replace") as container:
        rate = container.streams.audio[0].rate
        mono = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in mono.resample(frame)]
    return resample(np.concatenate(parts).astype(np.float32), rate)


def genuine(folder: Path) -> list[Clip]:
    """Read a folder's genuine clips as they are, without copies and codecs."""
    rows = [row for row in _rows(folder) if row["label"] == "bonafide"]
    return [_plain(row, level(read(folder / row["path"]))) for row in rows]


def dev(folder: Path) -> list[Clip]:
    """Read a folder's `dev` clips, prepared as the live path does it, without codecs."""
    rows = [row for row in _rows(folder) if row["split"] == "dev"]
    return [_plain(row, prepare(read(folder / row["path"]))) for row in rows]


def _plain(row: dict[str, str], samples: Floats) -> Clip:
    about = {name: row[name] for name in ("source", "speaker", "split", "path")}
    group = family(row["generator"], row["source"])
    return Clip(_stored(samples)[None], row["label"] == "spoof", row["generator"], group, **about)


def build(folder: Path, seed: int) -> list[Clip]:
    """Read a folder's manifest, prepare, copy and code every clip."""
    rng = np.random.default_rng(seed)
    clips: list[Clip] = []
    rows = _rows(folder)
    for number, row in enumerate(rows):
        clips.extend(_clips(folder, row, rng))
        if number % 100 == 99:
            sys.stderr.write(f"prepared {number + 1} of {len(rows)} clips of {folder}\n")
    return clips


def _clips(folder: Path, row: dict[str, str], rng: np.random.Generator) -> Iterator[Clip]:
    common = {"source": row["source"], "speaker": row["speaker"], "split": row["split"]}
    genuine = row.get("copy_of")
    if genuine:
        # As it is: a copy must stay beside its original, sample by sample.
        name = f"copy-{row['generator']}"
        yield Clip(_versions(level(read(folder / row["path"])), genuine), True, name, name, **common, path=genuine)
        return
    samples = prepare(read(folder / row["path"]))[: round(LONGEST * RATE)]
    if len(samples) < 8000:
        return
    fake, common = row["label"] == "spoof", common | {"path": row["path"]}
    group = family(row["generator"], row["source"])
    yield Clip(_versions(samples, row["path"]), fake, row["generator"], group, **common)
    if fake or row["split"] != "train":
        return
    for kind in KINDS:
        made = level(copy(samples, kind, rng))
        yield Clip(_versions(made, row["path"]), True, f"copy-{kind}", f"copy-{kind}", **common)


def _versions(samples: Floats, path: str) -> npt.NDArray[np.int16]:
    # Seeded by the path, which a copy shares with its original: it passes the very channel that the original passes.
    rng = np.random.default_rng(crc32(path.encode()))
    all_ = [samples, *(level(coded(samples, rng)) for _ in range(VERSIONS - 1))]
    return np.stack([_stored(version) for version in all_])


def _stored(samples: Floats) -> npt.NDArray[np.int16]:
    """As Clip keeps them: see Clip.version."""
    return np.clip(np.round(samples * 32767 * 4), -32767, 32767).astype(np.int16)


def load(dataset: Path, cache: Path, seed: int, extra: Sequence[Path] = ()) -> list[Clip]:
    """Build, or read what an earlier run built from the same folders with the same seed.

    Args:
        dataset: folder of the data set.
        cache: a file for its prepared clips; those of `extra` lie beside it, by the names of their folders.
        seed: of the copies.
        extra: further folders of the same form.
    """
    files = {cache: dataset} | {cache.with_name(f"{cache.stem}-{folder.name}.npz"): folder for folder in extra}
    for file, folder in files.items():
        if not file.exists():
            _save(build(folder, seed), file)
    return [clip for file in files for clip in _read(file)]


def _read(cache: Path) -> list[Clip]:
    with np.load(cache) as file:
        flat, lengths = file["samples"], file["lengths"]
        words = [file[name].tolist() for name in ("generator", "family", "source", "speaker", "split", "path")]
        fakes = file["fake"].tolist()
    ends = np.cumsum(lengths)
    parts = [flat[:, end - n : end] for end, n in zip(ends, lengths, strict=True)]
    return [Clip(s, f, *w) for s, f, *w in zip(parts, fakes, *words, strict=True)]


def _save(clips: list[Clip], cache: Path) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    words = {n: [getattr(c, n) for c in clips] for n in ("generator", "family", "source", "speaker", "split", "path")}
    with replacing(cache) as part:
        np.savez(
            part,
            samples=np.concatenate([c.samples for c in clips], axis=1),
            lengths=[c.samples.shape[1] for c in clips],
            fake=[c.fake for c in clips],
            **words,  # type: ignore[arg-type]
        )
