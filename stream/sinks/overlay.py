"""The picture with what was found in it: faces, stream, voice, the last half minute, and the alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..types import Alert, FaceVerdict, Image, StateChange, StreamState, Verdict
from .drawing import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    INKED,
    MUTED,
    RED,
    STATUS,
    WHITE,
    WORD,
    Colour,
    Rect,
    bar,
    dot,
    fit,
    shade,
    text,
    text_width,
)
from .overlay_labels import draw_faces
from .overlay_timeline import SPAN, Timeline
from .text import percent, words

_STATES: dict[StreamState, tuple[str, Colour]] = {
    "connecting": ("Connecting", AMBER),
    "online": ("Online", GREEN),
    "stalled": ("Stalled", AMBER),
    "retrying": ("Retrying", AMBER),
    "ended": ("Ended", FAINT),
}


class Overlay:
    """Remembers what a source's last verdicts and alerts were, and draws them on its pictures."""

    def __init__(self, source: str, *, raise_at: float | None = None) -> None:
        """Take the source's name and, to be marked in the meters, the probability at which an alert is raised."""
        self._source, self._mark = source, raise_at
        self._state: StreamState = "connecting"
        self._detail = ""
        self._verdict: Verdict | None = None
        self._raised: dict[str, Alert] = {}
        self._timeline = Timeline()

    def state(self, change: StateChange) -> None:
        """Take a change of state; what was found before a gap is no longer shown."""
        self._state, self._detail = change.state, change.detail
        if change.state in ("stalled", "retrying"):
            self._verdict = None

    def verdict(self, verdict: Verdict) -> None:
        """Take a verdict."""
        self._verdict = verdict
        self._timeline.add(verdict.t, verdict.fake, verdict.status)
        if self._state == "connecting":
            self._state = "online"

    def alert(self, alert: Alert) -> None:
        """Take an alert; its banner stands until it is cleared."""
        self._raised.pop(alert.subject, None)
        if alert.raised:
            self._raised[alert.subject] = alert

    def draw(self, image: Image, t: float, *, scale: float = 1.0) -> Image:
        """Return a copy of image with everything on it.

        Args:
            image: HxWx3 BGR.
            t: its media time, s.
            scale: of the copy over image; words are drawn afterwards and stay sharp.
        """
        picture = image.copy() if scale == 1 else _resized(image, scale)
        height, width = picture.shape[:2]
        if height < 72 or width < 120:
            return picture  # a stamp has no room for words
        size = _text_size(height, width)
        strip = round(size * 2.1)
        if self._state in ("stalled", "retrying"):
            shade(picture, Rect(0, 0, width, height), opacity=0.5)
            self._no_picture(picture, size)
        top, bottom = Rect(0, 0, width, strip), Rect(0, height - strip, width, height)
        area = Rect(2, strip + 2, width - 2, height - strip - 2)
        if self._raised:
            area = Rect(2, 2 * strip + 2, width - 2, area.bottom)
        if self._verdict is not None:
            draw_faces(picture, _scaled(self._verdict.faces, scale), size, area, self._mark)
        self._header(picture, top, size, t)
        self._footer(picture, bottom, size, t)
        if self._raised:
            self._banner(picture, Rect(0, strip, width, 2 * strip), size)
        return picture

    def _header(self, image: Image, strip: Rect, size: int, t: float) -> None:
        shade(image, strip)
        pad, middle = size // 2 + 2, (strip.top + strip.bottom) // 2
        right = strip.right - pad - self._result(image, strip.right - pad, middle, size)
        word, colour = _STATES[self._state]
        x = strip.left + pad
        dot(image, x + size // 4, middle, max(3, size // 4), colour)
        x += size // 2 + pad * 2 // 3
        x += text(image, word, x, middle, size, WHITE, bold=True) + pad
        time = _clock(t)
        if x + text_width(time, size) < right - pad:
            x += text(image, time, x, middle, size, MUTED) + pad
        text(image, fit(self._source, size, right - x - pad), x, middle, size, MUTED)

    def _result(self, image: Image, right: int, middle: int, size: int) -> int:
        """Write the stream's verdict so that it ends at right; return its width, px."""
        verdict = self._verdict
        value = percent(verdict.fake if verdict else None)
        gap = size // 2
        unit = " fake" if verdict and verdict.fake is not None and verdict.status != "fake" else ""
        left = right - text_width(unit, size - 2)
        text(image, unit, left, middle, size - 2, MUTED)
        left -= text_width(value, size, bold=True)
        text(image, value, left, middle, size, WHITE, bold=True)
        length = round(size * 4)
        left -= gap + length
        colour = STATUS[verdict.status] if verdict else FAINT
        thick = max(4, size // 3)
        meter = Rect(left, middle - thick // 2, left + length, middle - thick // 2 + thick)
        bar(image, meter, verdict.fake if verdict else None, colour, self._mark)
        if verdict is not None:
            word = WORD[verdict.status]
            left -= gap + text_width(word, size, bold=True)
            text(image, word, left, middle, size, INKED[verdict.status], bold=True)
            room = image.shape[1] * 2 // 5 - (right - left) - gap
            why = fit(words(verdict.reasons), size - 2, room)
            if why and len(why) > 4:
                left -= gap + text_width(why, size - 2)
                text(image, why, left, middle, size - 2, MUTED)
        return right - left

    def _footer(self, image: Image, strip: Rect, size: int, t: float) -> None:
        shade(image, strip)
        pad, middle = size // 2 + 2, (strip.top + strip.bottom) // 2
        voice = self._verdict.voice if self._verdict else None
        x = strip.left + pad
        x += text(image, "Voice", x, middle, size, WHITE if voice is not None else MUTED, bold=True) + pad
        thick, length = max(4, size // 3), round(size * 5)
        colour = RED if "voice" in self._raised else BLUE
        meter = Rect(x, middle - thick // 2, x + length, middle - thick // 2 + thick)
        bar(image, meter, voice, colour, self._mark)
        x += length + pad
        text(image, percent(voice), x, middle, size, WHITE if voice is not None else MUTED, bold=True)
        x += text_width("100%", size, bold=True) + 2 * pad
        width = min(strip.right - pad - x, 2 * strip.width // 3)
        label = f"{SPAN:.0f} s"
        beside = text_width(label, size - 2) + pad
        if width > 3 * beside:
            left = strip.right - pad - width
            text(image, label, left, middle, size - 2, MUTED)
            graph = Rect(left + beside, strip.top + 4, strip.right - pad, strip.bottom - 4)
            self._timeline.draw(image, graph, t, self._mark)

    def _banner(self, image: Image, strip: Rect, size: int) -> None:
        shade(image, strip, RED, 0.88)
        pad, middle = size // 2 + 2, (strip.top + strip.bottom) // 2
        x = strip.left + pad
        x += text(image, "ALERT", x, middle, size, WHITE, bold=True) + pad
        told = [f"{_who(alert.subject)} ({percent(alert.probability)})" for alert in self._raised.values()]
        since = f"since {_clock(min(alert.t for alert in self._raised.values()))}"
        right = strip.right - pad - text_width(since, size)
        if right - x > strip.width // 3:
            text(image, since, right, middle, size, WHITE)
        else:
            right = strip.right
        text(image, fit("  ·  ".join(told), size, right - pad - x), x, middle, size, WHITE)

    def _no_picture(self, image: Image, size: int) -> None:
        height, width = image.shape[:2]
        lines = ["No picture" if self._state == "stalled" else "No picture, connecting again", self._detail]
        for line, (words_, large) in enumerate(zip(lines, (size * 3 // 2, size), strict=True)):
            shown = fit(words_, large, width - 2 * size)
            x = (width - text_width(shown, large, bold=not line)) // 2
            middle = height // 2 + line * 2 * size
            text(image, shown, x, middle, large, MUTED if line else WHITE, bold=not line)


def _resized(image: Image, scale: float) -> Image:
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method).astype(np.uint8, copy=False)


def _scaled(faces: Sequence[FaceVerdict], scale: float) -> Sequence[FaceVerdict]:
    if scale == 1:
        return faces
    return [replace(f, box=(f.box[0] * scale, f.box[1] * scale, f.box[2] * scale, f.box[3] * scale)) for f in faces]


def _who(subject: str) -> str:
    return {"voice": "The voice sounds fake", "stream": "The stream as a whole looks fake"}.get(
        subject, f"{subject[:1].upper()}{subject[1:]} looks fake"
    )


def _clock(t: float) -> str:
    seconds = max(int(t), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes:02d}:{seconds % 60:02d}"


def _text_size(height: int, width: int) -> int:
    """Return the size of the text, px: 1/38 of the picture, from 12 (the least that can be read) to 40."""
    return min(max(round(min(height / 38, width / 46)), 12), 40)
