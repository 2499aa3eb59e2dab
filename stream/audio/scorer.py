"""From chunks of sound to a verdict a second: the live path of the voice."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engines import Engine
from ..calibration import Calibration
from ..types import AudioChunk, Floats, VoiceVerdict
from .preprocess import RATE, level
from .quality import SoundLimits, doubts
from .resample import Resampler
from .segmenter import SpeechCutter
from .vad import BLOCK, SPEECH_AT, Vad

HOP = RATE
"Samples from one verdict to the next: 1 s."
_WINDOW = 4.0
"Sound in which speech is counted and doubts are looked for, s; the speech that is scored where the card does not say."
_OLDEST = 2.0
"Age of the oldest speech that is scored, over the length of what is scored: pauses may take half of the time."
_JUMP = 0.2
"Difference between the time stamps and the count of samples that is a gap, s."


class VoiceScorer:
    """One stream of sound: what is heard, where it is speech, and how much it sounds made by a machine.

    Time is counted in samples; the time stamps only say when the first one was, and whether any are missing. How the
    sound is cut into chunks changes nothing. The model hears each second of speech once; what it made of those before
    goes into the score as well, so that scoring many seconds costs no more than one.
    """

    def __init__(self, engine: Engine) -> None:
        """Take a model of voices (see Card); it is shared, what was heard is not."""
        card = engine.card
        self._engine = engine
        self._longest = card.window if card and card.window else _WINDOW
        self._width = card.input_size[1] if card and len(card.input_size) > 1 else 0
        self._calibration = Calibration.of(card)
        self._limits = _limits(card.quality if card else {})
        self._vad = Vad()
        self._cutter = SpeechCutter(_WINDOW)
        self._resampler: Resampler | None = None
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the next chunk begins a new window."""
        self._resampler = None
        self._vad.reset()
        self._cutter.reset()
        self._origin: float | None = None
        self._taken = 0  # input samples since the origin
        self._heard = 0  # 16 kHz samples since the origin
        self._next = HOP
        self._blocks: list[Floats] = []
        self._speech: list[bool] = []
        self._past: deque[tuple[float, Floats]] = deque()
        self._logit = 0.0

    def push(self, chunk: AudioChunk) -> VoiceVerdict | None:
        """Hear a chunk and return the verdict that it completes: one a second of media time, speech or not.

        A chunk of several seconds completes several; all are computed, the last is returned.

        Raises:
            EngineError: the model failed.
        """
        self._follow(chunk)
        assert self._resampler is not None
        assert self._origin is not None
        self._taken += len(chunk.samples)
        verdict = None
        heard = self._resampler.push(chunk.samples)
        for start in range(0, len(heard), BLOCK):
            self._hear(heard[start : start + BLOCK])
            if self._heard >= self._next:
                self._next += HOP
                verdict = self._judge(self._origin + self._heard / RATE)
        return verdict

    def finish(self) -> VoiceVerdict | None:
        """Return the verdict at the end of the sound; None where less than a second was heard.

        The scorer is to be reset before it hears anything else.

        Raises:
            EngineError: the model failed.
        """
        if self._resampler is None or self._origin is None or self._heard < HOP:
            return None
        rest = self._resampler.flush()
        for start in range(0, len(rest) - BLOCK + 1, BLOCK):
            self._hear(rest[start : start + BLOCK])
        return self._judge(self._origin + self._heard / RATE)

    def _follow(self, chunk: AudioChunk) -> None:
        """Start anew where the sound does not go on from what was heard."""
        if self._resampler is not None and self._origin is not None:
            drift = chunk.t - (self._origin + self._taken / self._resampler.rate)
            if chunk.discontinuity or chunk.rate != self._resampler.rate or abs(drift) > _JUMP:
                self.reset()
            else:
                # A sound card's clock runs a little fast or slow: follow it, or the drift would end as a false gap.
                self._origin += 0.05 * drift
        if self._resampler is None:
            self._resampler = Resampler(chunk.rate)
            self._origin = chunk.t

    def _hear(self, block: Floats) -> None:
        self._heard += len(block)
        speech = self._vad.block(block) >= SPEECH_AT
        self._cutter.push(block, self._heard / RATE, speech=speech)
        self._blocks.append(block)
        self._speech.append(speech)
        kept = round(_WINDOW * RATE / BLOCK)
        del self._blocks[:-kept], self._speech[:-kept]

    def _judge(self, t: float) -> VoiceVerdict:
        samples, speech = np.concatenate(self._blocks), np.array(self._speech)
        reasons = doubts(samples, speech, self._limits)
        seconds = float(speech.sum()) * BLOCK / RATE
        for end, second in self._cutter.seconds(self._heard / RATE):
            self._score(end, second)
        fresh = bool(self._past) and self._past[-1][0] > self._heard / RATE - _WINDOW
        if seconds < self._limits.min_speech or not fresh:
            return VoiceVerdict(t, None, "uncertain", reasons or ("too-short",), seconds)
        fake = self._calibration.probability(self._logit)
        status = self._calibration.status(fake)
        if status == "uncertain":
            reasons = (*reasons, "borderline")
        since = t - (self._heard / RATE - self._past[0][0])
        return VoiceVerdict(t, fake, "uncertain" if reasons else status, reasons, seconds, since)

    def _score(self, end: float, second: Floats) -> None:
        """Hear a second of speech that ended at so many seconds since the origin, beside those before it."""
        most = max(round(self._longest) - 1, 0)
        while self._past and (len(self._past) > most or self._past[0][0] <= end - _OLDEST * self._longest):
            self._past.popleft()
        samples = level(second)[None]
        past = np.zeros((1, self._width), np.float32)
        for _, moments in self._past:
            past += moments
        count = np.array([[len(self._past)]], np.float32)
        found = self._engine.run({"samples": samples, "past": past, "count": count})
        self._logit = float(found["logit"].reshape(-1)[0])
        self._past.append((end, np.asarray(found["moments"], np.float32)))


def _limits(quality: Mapping[str, Any]) -> SoundLimits:
    names = {"min_speech", "full_speech"}
    return SoundLimits(**{name: float(value) for name, value in quality.items() if name in names})
