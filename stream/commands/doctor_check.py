"""What one probe of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "absent", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    group: str
    name: str
    state: State
    "`absent` is a choice (an extra that is not installed, no camera); `broken` is there and does not work."
    detail: str
    fix: str | None = None
    "The command to type."
    needed: bool = False
    "Without it `watch` and `scan` cannot run at all."
