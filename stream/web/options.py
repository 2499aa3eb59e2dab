"""What the web interface is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..config.serve_settings import FileSettings

LOCAL = ("localhost", "127.0.0.1", "::1")
"Names of this machine, to itself."

EXTENSION = "chrome-extension://enphjbfacmmgjodojemepnfieanibbho"
"Origin of our browser extension; follows from the key in its manifest."


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one visitor may ask for."""

    file_bytes: int = 4_000_000_000
    "Of one file."
    waiting: int = 500
    "Jobs that wait or run at a time."
    uploads: int = 64
    "Uploads that are under way at a time."
    job_seconds: float = 3600.0
    "Wall time of one job; a worker that takes longer is ended."
    memory: int = 8 << 30
    "Address space of a worker, bytes."
    written_bytes: int = 256 << 20
    "Of one file that a worker writes."
    pixels: int = 120_000_000
    "Of one picture."
    media_seconds: float = 6 * 3600.0
    "Length of one film or sound."
    upload_hours: float = 24.0
    "An upload that nobody goes on with is forgotten after so long."
    requests: float = 40.0
    "Changes a second that one address may ask for, over a while."
    sign_ins: float = 0.2
    "Failed sign-ins a second that one address may make, over a while."
    streams: int = 32
    "Cameras and streams at a time."


@dataclass(frozen=True, slots=True)
class WebOptions(FileSettings):
    """One server."""

    secure: bool = False
    "Whether the server speaks HTTPS."
    token: str | None = field(default=None, repr=False)
    "What programs show; None: no token is known."
    evidence: Path | None = None
    "Where the evidence of calls is kept, besides that of cameras in the data folder."
    limits: Limits = field(default_factory=Limits)
