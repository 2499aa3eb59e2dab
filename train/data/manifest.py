"""Records of what was cut to one manifest, and to the table that training reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from ...stream.atomic import replacing, write_text
from .datasets import Clip

_CLIP = ("clip", "label", "method", "identity", "split", "pair", "donor")
_COLUMNS = ("path", "kind", *_CLIP, "track", "t", "px")
_HELD_BACK = ("val", "valid", "validation", "dev", "test")
ORIGIN = "dataset.json"
"Beside the manifest: where the files lie that the faces were cut from."


def describe(clip: Clip) -> dict[str, str]:
    """What the manifest says of a clip."""
    return {
        "clip": clip.name,
        "label": "fake" if clip.fake else "real",
        "method": clip.method,
        "identity": clip.identity,
        "split": clip.split,
        "pair": clip.pair,
        "donor": clip.donor,
    }


def note_origin(out: Path, dataset: Path) -> None:
    """Write where the files lie: a training ends by watching those that it did not learn from."""
    root = dataset if dataset.is_dir() else dataset.parent
    write_text(out / ORIGIN, json.dumps({"dataset": str(root.resolve())}) + "\n", "surrogateescape")


def collect(out: Path) -> tuple[int, int]:
    """Write out/manifest.csv and, where there are genuine faces to train on, out/faces.npz from all records.

    Genuine faces of the official validation and test parts are in the manifest, but are no training data.

    Returns:
        How many faces and sounds the manifest has.
    """
    rows: list[dict[str, Any]] = []
    genuine: dict[str, list[Any]] = {name: [] for name in ("files", "source", "identity", "points", "mesh")}
    for record in sorted((out / "clips").glob("*.npz")):
        if record.name.endswith(".part.npz"):
            continue
        with np.load(record) as table:
            clip = json.loads(str(table["clip"]))
            if str(table["sound"]):
                rows.append({"path": str(table["sound"]), "kind": "audio", **clip})
            files = [str(file) for file in table["files"]]
            for file, track, t, px in zip(files, table["track"], table["t"], table["px"], strict=True):
                rows.append({"path": file, "kind": "face", **clip, "track": track, "t": f"{t:.3f}", "px": f"{px:.1f}"})
            if clip["label"] == "real" and clip["split"] not in _HELD_BACK and files:
                genuine["files"] += files
                genuine["source"] += [clip["method"]] * len(files)
                genuine["identity"] += [clip["identity"]] * len(files)
                genuine["points"].append(table["points"])
                genuine["mesh"].append(table["mesh"])
    _write_manifest(out / "manifest.csv", rows)
    if genuine["files"]:
        _write_faces(out / "faces.npz", genuine)
    sounds = sum(row["kind"] == "audio" for row in rows)
    return len(rows) - sounds, sounds


def _write_manifest(path: Path, rows: list[dict[str, Any]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, _COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_faces(path: Path, genuine: dict[str, list[Any]]) -> None:
    points, mesh = np.concatenate(genuine.pop("points")), np.concatenate(genuine.pop("mesh"))
    texts: dict[str, Any] = {name: np.array(values, np.str_) for name, values in genuine.items()}
    with replacing(path) as part:
        np.savez(part, points=points, mesh=mesh, **texts)
