"""What `truefeed serve` is told besides what it shares with `truefeed watch`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from .convert import days, path, port
from .option import Option, option
from .scan_settings import JOBS, PRIVATE


def data_folder() -> Path:
    """Return where history and media lie if nobody says where: in the user's own data folder."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "truefeed"


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Where the server listens."""

    host: str = option("127.0.0.1", "listen here (default 127.0.0.1; others need a token or users)", metavar="ADDRESS")
    port: int = option(5000, "listen on this port (default 5000)", port, "N")
    certificate: Path | None = option(None, "serve HTTPS with this certificate and key", path, "FILE.pem")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What is done with files that are handed in."""

    data: Path = field(
        default_factory=data_folder,
        metadata={"option": Option("keep all there (default ~/.local/share/truefeed)", path, "DIR")},
    )
    keep_days: float = option(0.0, "keep media for so long (default 0: not at all)", days, "DAYS", flags=("--keep",))
    "After the analysis, where nobody asks otherwise; 0 deletes them at once."
    jobs: int = option(1, *JOBS)
    cluster: str | None = option(None, "judge files on a Ray cluster: ray://HOST:10001, or `local`", metavar="ADDRESS")
    allow_private: bool = option(False, *PRIVATE)
