"""What `truefeed scan` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .convert import path, processes, seconds, switch
from .option import option
from .settings import ModelSettings

JOBS = "files judged at once (default 1)", processes, "N"
PRIVATE = "also fetch addresses of this machine and its network", switch


@dataclass(frozen=True, slots=True)
class ScanSettings(ModelSettings):
    """One run of `truefeed scan`."""

    paths: tuple[str, ...] = ()
    "Files, folders, addresses; `-` is standard input."
    entries: str | None = option(
        None, "also judge what this text file (a line each) or .parquet file names", metavar="FILE", flags=("--list",)
    )
    json: bool = option(False, "print one JSON line a file on stdout", switch)
    report: Path | None = option(None, "also write a page to read and to pass on", path, "FILE.html")
    csv: Path | None = option(None, "also write a table, a row a file, for a spreadsheet", path, "FILE.csv")
    parquet: Path | None = option(None, "also write a table as Parquet", path, "FILE.parquet")
    resume: Path | None = option(
        None, "append each result to this file, and judge no file again that is in it", path, "FILE.jsonl"
    )
    explain: Path | None = option(None, "keep a heat map of each face there: where the evidence lies", path, "DIR")
    every_frame: bool = option(False, "look at every frame of videos over 15 s, too, not at a sample", switch)
    jobs: int | None = option(None, *JOBS)
    "None: one, and on a cluster all of its cores."
    cluster: str | None = option(
        None, "judge on a Ray cluster: ray://HOST:10001, or `local`: all cores of this machine", metavar="ADDRESS"
    )
    give_up: float = option(
        3600.0, "with --cluster: a file that takes longer is an error (default 3600)", seconds, "SECONDS"
    )
    allow_private: bool = option(False, *PRIVATE)
    quiet: bool = option(False, "no progress on stderr", switch, flags=("-q", "--quiet"))
