"""The evidence bundle: a zip of all that was found, with the SHA-256 of every file in it."""

from __future__ import annotations

import hashlib
import json
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..scan.html_report import page
from .scans import stamp

_CHUNK = 1 << 20


def bundle(result: Mapping[str, Any], folder: Path, media: str | None, finished: float | None) -> Path:
    """Write the bundle into a file of its own, for the caller to delete, and return it.

    Args:
        result: as the worker wrote it.
        folder: of the job.
        media: name of the file itself in the folder, None where it is not kept.
        finished: when, s since 1970.
    """
    target = folder / f"{secrets.token_hex(8)}.zip.part"
    manifest: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        _text(out, manifest, "report.html", page(result, folder, stamp(finished)))
        _text(out, manifest, "result.json", json.dumps(result, indent=2, ensure_ascii=False))
        for file in sorted(folder.iterdir()):
            if file.name == "track.json" or (file.suffix in (".png", ".jpg") and file.name != media):
                _file(out, manifest, file.name, file)
        if media is not None and (folder / media).is_file():
            _file(out, manifest, media, folder / media)
        about = {
            "made": stamp(finished),
            "software": result["software"],
            "subject": {"name": result["name"], "sha256": result["sha256"], "bytes": result["size"]},
            "models": result["models"],
            "files": manifest,
        }
        out.writestr("manifest.json", json.dumps(about, indent=2, ensure_ascii=False))
    return target


def _text(out: zipfile.ZipFile, manifest: dict[str, dict[str, Any]], name: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    out.writestr(name, data)
    manifest[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _file(out: zipfile.ZipFile, manifest: dict[str, dict[str, Any]], name: str, file: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as source, out.open(name, "w", force_zip64=True) as sink:
        while data := source.read(_CHUNK):
            digest.update(data)
            size += len(data)
            sink.write(data)
    manifest[name] = {"sha256": digest.hexdigest(), "bytes": size}
