"""Files that are written at once or not at all."""

from __future__ import annotations

from pathlib import Path


def write_text(path: Path, content: str) -> None:
    """Write a file in UTF-8; where that fails the old one stays as it was."""
    part = path.with_name(path.name + ".part")
    part.write_text(content, encoding="utf-8", errors="surrogateescape")
    part.replace(path)
