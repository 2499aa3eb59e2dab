"""Sound, live: resampling to 16 kHz mono, voice activity, the sliding window and its score."""

from .preprocess import RATE, level, prepare, speech_level, trim
from .resample import Resampler, resample
from .scorer import VoiceScorer
from .vad import BLOCK, Vad

__all__ = ["BLOCK", "RATE", "Resampler", "Vad", "VoiceScorer", "level", "prepare", "resample", "speech_level", "trim"]
