"""When an alert is raised and cleared: what the user asked for, what the model's card says, and the defaults."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...engines import Engine
from ..config.settings import StreamSettings
from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """When an alert is raised and cleared. Raises ConfigError where the values contradict each other."""

    raise_at: float = 0.9
    "Probability at or above which an alert is raised, 0..1."
    clear_at: float = 0.6
    "Probability under which it is cleared, 0..1; not above raise_at."
    minimum: float = 2.0
    "Length of the window whose median decides, s."
    clear_after: float = 3.0
    "How long the median has to stay under clear_at, s."
    cool_down: float = 10.0
    "How long after a clear the same subject stays quiet, s."
    early_at: float = 0.98
    "Probability that counts as overwhelming, 0..1; raise_at where that is higher."
    early_for: float = 0.6
    "How long it has to be overwhelming, s."
    gone_after: float = 3.0
    "How long a raised face may be out of the picture before it is cleared, s."
    forget_after: float = 15.0
    "How long an alert stands on doubtful verdicts only (a blurred face, a silent voice) before it is cleared, s."

    def __post_init__(self) -> None:
        for name in ("raise_at", "clear_at", "early_at"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}: a probability from 0 to 1 is needed")
        for name in ("minimum", "clear_after", "cool_down", "early_for", "gone_after", "forget_after"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)}: seconds, 0 or more, are needed")
        if self.clear_at > self.raise_at:
            raise ConfigError(f"clear_at {self.clear_at} is above raise_at {self.raise_at}: an alert could never stand")


def alarm_settings(engine: Engine, stream: StreamSettings) -> AlarmSettings:
    """Return what the user asked for, else what the card of the model that scores says, else the defaults."""
    said = engine.card.thresholds if engine.card else {}
    base = AlarmSettings()
    raise_at = stream.alert_at if stream.alert_at is not None else said.get("alert", base.raise_at)
    clear_at = stream.clear_at if stream.clear_at is not None else min(said.get("clear", base.clear_at), raise_at)
    # Whoever sets only clear-at, and above what raises by default, means both.
    return replace(base, raise_at=max(raise_at, clear_at) if stream.alert_at is None else raise_at, clear_at=clear_at)
