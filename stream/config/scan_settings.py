"""What `truefeed scan` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .convert import path, processes, switch
from .option import option
from .settings import ModelSettings

JOBS = "files judged at once (default 1)", processes, "N"
PRIVATE = "also fetch addresses of this machine and its network", switch


@dataclass(frozen=True, slots=True)
class ScanSettings(ModelSettings):
    """One run of `truefeed scan`."""

    paths: tuple[str, ...] = ()
    "Files, folders, addresses; `-` is standard input."
    json: bool = option(False, "print one JSON line a file on stdout", switch)
    report: Path | None = option(None, "also write a page to read and to pass on", path, "FILE.html")
    csv: Path | None = option(None, "also write a table, a row a file, for a spreadsheet", path, "FILE.csv")
    resume: Path | None = option(
        None, "append each result to this file, and judge no file again that is in it", path, "FILE.jsonl"
    )
    explain: Path | None = option(None, "keep a heat map of each face there: where the evidence lies", path, "DIR")
    every_frame: bool = option(False, "look at every frame of videos over 15 s, too, not at a sample", switch)
    jobs: int = option(1, *JOBS)
    allow_private: bool = option(False, *PRIVATE)
    quiet: bool = option(False, "no progress on stderr", switch, flags=("-q", "--quiet"))
