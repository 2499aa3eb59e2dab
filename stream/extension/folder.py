"""Writing the extension where a browser can load it from."""

from __future__ import annotations

import json
import shutil
import zipfile
from importlib.resources import as_file, files
from pathlib import Path

from ..errors import SourceError

MANIFEST = "manifest.json"


def write(out: Path) -> Path:
    """Write the unpacked extension into a folder, and the same as `FOLDER.zip`; return the path of the zip file.

    A folder that holds an earlier version is brought up to date; nothing is removed from it.

    Raises:
        SourceError: the folder holds something else, or can't be written.
    """
    source = files(__package__) / "unpacked"
    ours = json.loads((source / MANIFEST).read_text("utf-8"))["key"]
    try:
        if out.exists() and not out.is_dir():
            raise SourceError(f"{out} is a file: name a folder")
        if out.is_dir() and any(out.iterdir()) and _key(out / MANIFEST) != ours:
            raise SourceError(f"{out} holds something else: name a new or an empty folder")
        with as_file(source) as folder:
            shutil.copytree(folder, out, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return _zipped(out)
    except shutil.Error as error:
        raise SourceError(f"{out}: {error.args[0][0][2]}") from None
    except OSError as error:
        raise SourceError(f"{out}: {error.strerror or error}") from None


def _key(manifest: Path) -> str | None:
    """Return the key in the manifest of an extension, by which a browser knows it; None where there is none."""
    try:
        found = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found.get("key") if isinstance(found, dict) else None


def _zipped(folder: Path) -> Path:
    target = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target
