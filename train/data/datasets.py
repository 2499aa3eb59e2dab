"""Labelled media in the layouts in which data sets come: who is in a file, and whether it is genuine."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...stream.errors import ConfigError
from ...stream.scan.probe import claims_media

_FAKE = {"fake", "spoof", "1", "manipulated", "synthetic", "generated"}
_REAL = {"real", "bonafide", "genuine", "0", "original"}
_COMPRESSIONS = ("c23", "c40", "raw", "c0")


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled file."""

    path: Path
    name: str
    "Its path below the data set's folder, with `/`: unique."
    fake: bool
    method: str
    "How it was made, as the data set calls it; `genuine` for what was not."
    identity: str
    "The person who is seen or heard; intervals are drawn over people."
    split: str
    "`train`, `val` or `test`, or whatever the data set says; empty where it says nothing."
    pair: str = ""
    "Of a fake: the name of the genuine clip that it was made from; empty where that is not known."
    donor: str = ""
    "Of a fake: whose face was laid over the person's; empty where that is not known."


def read(path: Path) -> list[Clip]:
    """Read a data set.

    Args:
        path: a manifest (CSV: path, label; where known method or generator, target_id, identity or speaker, split, and
            of a fake pair and donor); a folder with manifest.csv; FaceForensics++ (original_sequences,
            manipulated_sequences, splits/*.json where present; c23 before other compressions); DFDC (metadata.json, in
            the folder or in its parts); Celeb-DF v2 (Celeb-real, Celeb-synthesis, List_of_testing_videos.txt); or a
            tree with real/ and fake/.

    Raises:
        ConfigError: it is none of these, or a manifest names no labels.
    """
    return _paired(_read(path))


def _paired(clips: list[Clip]) -> list[Clip]:
    """Drop the names of genuine clips that are not there."""
    genuine = {clip.name for clip in clips if not clip.fake}
    return [clip if clip.pair in genuine else replace(clip, pair="") for clip in clips]


def _read(path: Path) -> list[Clip]:
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise ConfigError(f"{path}: not a manifest: a .csv file or a folder is needed")
        return list(_manifest(path))
    if (path / "manifest.csv").exists():
        return list(_manifest(path / "manifest.csv"))
    if (path / "original_sequences").is_dir() or (path / "manipulated_sequences").is_dir():
        return list(_forensics(path))
    if (path / "Celeb-synthesis").is_dir() or (path / "Celeb-real").is_dir():
        return list(_celeb(path))
    if any(path.glob("metadata.json")) or any(path.glob("*/metadata.json")):
        return list(_dfdc(path))
    if (path / "real").is_dir() or (path / "fake").is_dir():
        return list(_tree(path))
    missing = "" if path.exists() else " (there is no such folder)"
    raise ConfigError(
        f"{path}: no data set that can be read{missing}: a manifest.csv, FaceForensics++, DFDC (metadata.json), "
        "Celeb-DF or a tree with real/ and fake/ is needed"
    )


def _manifest(path: Path) -> Iterator[Clip]:
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            name = _first(row, "path", "file", "filename", "video")
            label = _first(row, "label", "class").lower()
            if not name or label not in _FAKE | _REAL:
                raise ConfigError(f"{path}: line {number} needs a path, and a label such as real or fake")
            fake = label in _FAKE
            method = _first(row, "method", "generator") or ("fake" if fake else "genuine")
            identity = _first(row, "target_id", "identity", "person", "speaker", "original") or name
            yield Clip(
                *(path.parent / name, name, fake, method if fake else "genuine", identity, _first(row, "split")),
                pair=_first(row, "pair", "original") if fake else "",
                donor=_first(row, "donor", "source_id") if fake else "",
            )


def _first(row: dict[str, str], *columns: str) -> str:
    return next((row[c].strip() for c in columns if row.get(c)), "")


def _forensics(root: Path) -> Iterator[Clip]:
    """FaceForensics++ and DeepFakeDetection: SEQUENCES/METHOD/COMPRESSION/videos/TARGET[_DONOR][__SCENE].mp4."""
    splits = {
        video: file.stem
        for folder in (root / "splits", root / "dataset" / "splits", root)
        for file in sorted(folder.glob("*.json"))
        if file.stem in ("train", "val", "test")
        for pair in json.loads(file.read_text())
        for video in pair
    }
    originals: dict[str, str] = {}
    for sequences, fake in (("original_sequences", False), ("manipulated_sequences", True)):
        for method in sorted(p for p in (root / sequences).glob("*") if p.is_dir()):
            folder = next((method / c for c in _COMPRESSIONS if (method / c / "videos").is_dir()), None)
            for path in _media(folder / "videos") if folder else ():
                people, *scene = path.stem.split("__")
                target, *donor = people.split("_")
                name = path.relative_to(root).as_posix()
                split = splits.get(target, "")
                if not fake:
                    originals["__".join((people, *scene[:1]))] = name
                    yield Clip(path, name, fake, "genuine", target, split)
                    continue
                pair = originals.get("__".join((target, *scene[:1])), "")
                yield Clip(path, name, fake, method.name, target, split, pair, donor[0] if donor else "")


def _celeb(root: Path) -> Iterator[Clip]:
    """Celeb-DF: ids are `id0_0001` and, for a swap of id1 onto id0, `id0_id1_0001`; the list of tests is official."""
    listed = root / "List_of_testing_videos.txt"
    tests = {line.split()[-1] for line in listed.read_text().splitlines() if line.strip()} if listed.exists() else None
    for folder, fake in (("Celeb-real", False), ("YouTube-real", False), ("Celeb-synthesis", True)):
        for path in _media(root / folder):
            name = path.relative_to(root).as_posix()
            identity = path.stem.split("_")[0] if path.stem.startswith("id") else f"youtube-{path.stem}"
            split = "" if tests is None else "test" if name in tests else "train"
            if not fake:
                yield Clip(path, name, fake, "genuine", identity, split)
                continue
            donor, number = [*path.stem.split("_"), "", ""][1:3]
            pair = f"Celeb-real/{identity}_{number}{path.suffix}"
            yield Clip(path, name, fake, "Celeb-synthesis", identity, split, pair, donor)


def _dfdc(root: Path) -> Iterator[Clip]:
    for listed in sorted([*root.glob("metadata.json"), *root.glob("*/metadata.json")]):
        for file, said in sorted(json.loads(listed.read_text()).items()):
            path = listed.parent / file
            fake = str(said.get("label", "")).upper() == "FAKE"
            # A fake is of the people of its original.
            identity = Path(said.get("original") or file).stem
            name = path.relative_to(root).as_posix()
            pair = (path.with_name(str(said["original"])).relative_to(root).as_posix()) if said.get("original") else ""
            yield Clip(path, name, fake, "DFDC" if fake else "genuine", identity, str(said.get("split", "")), pair)


def _tree(root: Path) -> Iterator[Clip]:
    """real/... and fake/[METHOD/]...: the folder under fake names the method, the first part of a name the person.

    A fake was made from the genuine file of its name, where there is one.
    """
    originals: dict[str, str] = {}
    for folder, fake in (("real", False), ("fake", True)):
        for path in _media(root / folder):
            parts = path.relative_to(root / folder).parts
            method = (parts[0] if len(parts) > 1 else "fake") if fake else "genuine"
            name = path.relative_to(root).as_posix()
            pair = originals.get(path.stem, "") if fake else ""
            if not fake:
                originals[path.stem] = name
            yield Clip(path, name, fake, method, path.stem.split("_")[0], "", pair)


def _media(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and claims_media(p) and not p.name.startswith("."))
