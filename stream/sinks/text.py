"""Probabilities, media times and reasons as a person reads them."""

from __future__ import annotations

_WORDS = {
    "no-face": "no face",
    "face-too-small": "face too small",
    "blurred": "blurred",
    "low-bitrate": "bit rate too low",
    "packet-loss": "packets of the video are lost on the way",
    "too-short": "too short to tell",
    "occluded": "face covered",
    "borderline": "borderline",
    "no-speech": "no speech",
    "not-speech": "not speech",
    "music": "music",
    "noise": "noise",
    "clipped": "clipped sound",
    "narrow-line": "a telephone's narrow band",
}


def percent(probability: float | None) -> str:
    """Return `7%`, or `-` where the probability is not known; from 1% to 99%, as no score is certain."""
    return "-" if probability is None else f"{min(max(probability, 0.01), 0.99):.0%}"


def clock(t: float) -> str:
    """Return a media time, s, as `01:02.3` or `1:01:02.3`."""
    tenths = round(abs(t) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if t < 0 and tenths else ""
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes:02d}"
    return f"{sign}{head}:{rest / 10:04.1f}"


def words(reasons: tuple[str, ...]) -> str:
    """Return the reasons in plain words."""
    return ", ".join(_WORDS.get(reason, reason) for reason in reasons)
