"""Speech heard through the live path: scorer, fusion, alarm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...engines import Engine
from ...stream.audio import RATE, VoiceScorer
from ...stream.scoring.alarm import Alarm
from ...stream.scoring.alarm_settings import AlarmSettings
from ...stream.scoring.fusion import fuse
from ...stream.types import Alert, AudioChunk, Floats, Verdict, VoiceVerdict

CHUNK = RATE // 10


def listen(engine: Engine, samples: Floats) -> Iterator[tuple[VoiceVerdict, Verdict]]:
    """Hear 16 kHz samples (n,) from start to end; yield each verdict on the voice, and what is made of it alone."""
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


def joined(clips: Sequence[Floats], pause: float = 0.3) -> Floats:
    """Put clips (n,) of 16 kHz one after the other, pause s of quiet noise after each, as turns of a conversation."""
    rng = np.random.default_rng(0)
    quiet = round(pause * RATE)
    parts = [p for clip in clips for p in (clip, rng.normal(0, 1e-4, quiet).astype(np.float32))]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
