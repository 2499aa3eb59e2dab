"""The front end and its perceptrons as one engine, and speech heard through the live path: scorer, fusion, alarm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ...engines import Card, Engine
from ...stream.audio import RATE, VoiceScorer
from ...stream.scoring.alarm import Alarm, AlarmSettings
from ...stream.scoring.fusion import fuse
from ...stream.types import Alert, AudioChunk, Floats, Verdict, VoiceVerdict
from .score import Reader, even

CHUNK = RATE // 10


class NetEngine:
    """A front end in a file and perceptrons in memory behind the Engine protocol, as the shipped file."""

    def __init__(self, front: Engine, model: nn.Module, card: Card) -> None:
        self._front, self._reader = front, Reader(model, even(card.calibration)).eval()
        self.card: Card | None = card
        self.sha256 = front.sha256
        self.device = "cpu"

    @torch.no_grad()
    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[np.float32]]:
        moments = np.asarray(self._front.run({"samples": inputs["samples"]})["moments"], np.float32)
        given = [torch.from_numpy(np.asarray(a, np.float32)) for a in (moments, inputs["past"], inputs["count"])]
        return {"logit": self._reader(*given).numpy(), "moments": moments}

    def close(self) -> None:
        pass


def listen(engine: Engine, samples: Floats) -> Iterator[tuple[VoiceVerdict, Verdict]]:
    """Hear 16 kHz samples from start to end; yield each verdict on the voice, and what is made of it alone."""
    scorer = VoiceScorer(engine)
    for start in range(0, len(samples), CHUNK):
        voice = scorer.push(AudioChunk(samples[start : start + CHUNK], RATE, start / RATE, 0.0))
        if voice is not None:
            fake, status, reasons = fuse((), voice, t=voice.t, video=False)
            yield voice, Verdict("", voice.t, fake, status, reasons, voice.fake, (), None)


def raised(heard: Sequence[tuple[VoiceVerdict, Verdict]], raise_at: float, clear_at: float) -> list[Alert]:
    """Return the alerts that these verdicts raise on the voice, as `truefeed watch` does with these levels."""
    alarm = Alarm(AlarmSettings(raise_at=raise_at, clear_at=clear_at))
    alerts = [alert for voice, verdict in heard for alert in alarm.update(verdict, voice)]
    return [alert for alert in alerts if alert.raised and alert.subject == "voice"]


def kept_up(heard: Sequence[tuple[VoiceVerdict, Verdict]]) -> float:
    """Return the highest probability that no fewer than three windows in a row reached: 3 s, all of the alarm's."""
    fakes = [voice.fake or 0.0 for voice, _ in heard]
    return max((min(fakes[i : i + 3]) for i in range(len(fakes) - 2)), default=0.0)


def joined(clips: Sequence[Floats], pause: float = 0.3) -> Floats:
    """Put clips one after the other with a little quiet noise between them, as turns of a conversation."""
    rng = np.random.default_rng(0)
    quiet = round(pause * RATE)
    parts = [p for clip in clips for p in (clip, rng.normal(0, 1e-4, quiet).astype(np.float32))]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
