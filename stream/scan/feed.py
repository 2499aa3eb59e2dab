"""A file shown to analyzers: the first pictures and sound to one, each further track to one of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import SourceError
from ..scoring.analyzer import Analyzer
from ..scoring.summary import Summary
from ..sources import SourceOptions
from ..sources.file import FileSource
from ..sources.selection import Track
from ..types import AudioChunk, Frame
from .skim import EVERY, Skim

_MOST_TRACKS = 8
"Further tracks of a file that are judged."
_TOLD = 0.005
"A smaller share of a file that could not be read is not worth a word."


@dataclass(frozen=True, slots=True)
class Fed:
    """What came of showing a file."""

    summary: Summary
    seconds: float
    "Length of what was read, s."
    unreadable: float
    "Share of the file that could not be read, 0..1."
    sampled: dict[str, float] | None = None
    "See `Report.sampled`."
    tracks: tuple[dict[str, Any], ...] = ()
    "What is thought of each further track: track (its index), kind, fake, status, reasons; or why it is not judged."


def feed(path: Path, analyzer: Analyzer, fresh: Callable[[], Analyzer], *, every_frame: bool = False) -> Fed:
    """Show a file and sum up.

    Args:
        path: of the file.
        analyzer: sees the first pictures and hears the first sound.
        fresh: makes the one of a further track.
        every_frame: look at every picture of a long film, too.

    Raises:
        SourceError: nothing of it could be read.
    """
    skim = Skim(analyzer.fake_at, every_frame=every_frame)
    source = FileSource(path, SourceOptions(pace="fast"), chooser=skim)
    seconds = _show(source, analyzer, skim)
    summary = analyzer.summary()
    told: list[dict[str, Any]] = []
    for number, track in enumerate(source.others):
        one: dict[str, Any] = {"track": track.index, "kind": track.kind}
        if not track.decodable or number >= _MOST_TRACKS:
            told.append({**one, "status": "error", "error": "no decoder" if not track.decodable else "one too many"})
            continue
        other = fresh()
        try:
            more = Skim(other.fake_at, every_frame=every_frame)
            again = FileSource(path, SourceOptions(pace="fast"), only=track.index, chooser=more)
            seconds = max(seconds, _show(again, other, more))
        except SourceError as error:
            told.append({**one, "status": "error", "error": str(error).removeprefix(f"{path}: ")})
            continue
        found = other.summary()
        told.append({**one, "status": found.status, "fake": _rounded(found.fake), "reasons": list(found.reasons)})
        summary = _joined(summary, found, track)
    return Fed(summary, seconds, source.coverage.unreadable, skim.told(), tuple(told))


def _show(source: FileSource, analyzer: Analyzer, skim: Skim) -> float:
    """Return the length of what was read, s. Raises SourceError where that is nothing."""
    end, came = 0.0, False
    with closing(source.items(threading.Event())) as items:
        for item in items:
            if isinstance(item, Frame):
                if not came and skim.skims:
                    analyzer.sampled(EVERY)
                shot = skim.cut()
                skim.saw(analyzer.frame(replace(item, discontinuity=True) if shot else item, item.bitrate_kbps))
                came = True
            elif isinstance(item, AudioChunk):
                analyzer.audio(item)
                end, came = max(end, item.t + len(item.samples) / item.rate), True
    analyzer.finish()
    end = max(end, skim.end)
    lost = source.coverage.unreadable
    if not came and lost >= _TOLD:
        what = "cut short" if source.coverage.missing >= 0.5 else "damaged"
        raise SourceError(f"{source.name}: {what}: nothing that is left of it can be decoded")
    return end


def _joined(first: Summary, second: Summary, track: Track) -> Summary:
    """Return what is thought of both: the more suspicious one decides, and all faces are told."""
    chosen = max((first, second), key=_suspicion)
    voices = [summary.voice for summary in (first, second) if summary.voice is not None]
    next_id = max((face["id"] for face in first.faces), default=0) + 1
    more = tuple({**face, "id": next_id + n, "track": track.index} for n, face in enumerate(second.faces))
    return replace(chosen, voice=max(voices, default=None), faces=first.faces + more)


def _suspicion(summary: Summary) -> tuple[int, float]:
    """What was found fake comes first, then what may be, then what is genuine; last what shows too little to tell."""
    fake = summary.fake if summary.fake is not None else -1.0
    if summary.status == "fake":
        return 3, fake
    if summary.status == "real":
        return 1, fake
    return (2 if fake >= 0.5 else 0), fake


def notes(fed: Fed) -> Iterator[str]:
    """Yield what a person should know beside the verdict, in words."""
    if fed.unreadable >= _TOLD:
        yield from missing(fed.unreadable)
    for track in fed.tracks:
        if track["status"] == "fake":
            yield f"track {track['track']} ({track['kind']}) is fake"
    left = [track for track in fed.tracks if "error" in track]
    if left:
        yield f"{len(left)} more track{'s' if len(left) > 1 else ''} not judged: {', '.join(_reasons(left))}"


def missing(share: float) -> Iterator[str]:
    """Say that so much, 0..1, of a file could not be read; of a picture that is cut short all of it may be there."""
    yield f"{max(1, round(100 * share))}% of it could not be read" if share else "it is cut short: details are missing"


def _reasons(tracks: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(track["error"]) for track in tracks))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
