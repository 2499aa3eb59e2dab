"""Observations of many files, in several processes if asked, with progress."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from ...stream.pool import Pool
from ...stream.scan.scanner import Job
from ..data.datasets import Clip
from .observe import Cache


def gather(clips: Sequence[Clip], job: Job, folder: Path, *, jobs: int = 1, err: TextIO) -> list[dict[str, Any]]:
    """Return the observation of each clip, in order.

    Args:
        clips: what to look at.
        job: with which models.
        folder: where observations are kept.
        jobs: processes; 1 is this one.
        err: takes the progress.

    Raises:
        EngineError, TruefeedError: the models cannot be loaded, or a worker process died.
    """
    cache = Cache(folder, job, job.load())  # also where others do the work: a wrong model is told at once
    out: list[dict[str, Any]] = []
    began = time.monotonic()
    for clip, seen in zip(clips, _each(clips, job, folder, cache, jobs), strict=True):
        out.append(seen)
        failed = f"  {clip.name}: {seen['error']}" if seen["error"] else ""
        if err.isatty() and not failed:
            err.write(f"\r\x1b[K{len(out)}/{len(clips)}  {clip.name}")
        elif failed or len(out) % 10 == 0 or len(out) == len(clips):
            err.write(f"{len(out)}/{len(clips)}  {time.monotonic() - began:.0f} s{failed}\n")
        err.flush()
    if err.isatty():
        err.write("\r\x1b[K")
    return out


def _each(clips: Sequence[Clip], job: Job, folder: Path, cache: Cache, jobs: int) -> Iterator[dict[str, Any]]:
    if jobs == 1 or len(clips) < 2:
        yield from (cache.get(clip.path) for clip in clips)
        return
    pool = Pool(_work, min(jobs, len(clips)), _begin, (folder, job))
    yield from pool.each([clip.path for clip in clips])


_cache: Cache | None = None
"The cache of a worker process."


def _begin(folder: Path, job: Job) -> None:
    global _cache
    _cache = Cache(folder, job, job.load())


def _work(path: Path) -> dict[str, Any]:
    assert _cache is not None
    return _cache.get(path)


def select(clips: Sequence[Clip], *, split: str | None, only: str | None, limit: int | None) -> list[Clip]:
    """Keep the clips of a split, whose name begins with `only`, and at most `limit` a method, spread evenly."""
    kept = [c for c in clips if (split is None or c.split == split) and (only is None or c.name.startswith(only))]
    if limit is None:
        return kept
    groups: dict[str, list[Clip]] = {}
    for clip in kept:
        groups.setdefault(clip.method, []).append(clip)
    chosen = {g[i * len(g) // min(limit, len(g))].name for g in groups.values() for i in range(min(limit, len(g)))}
    return [c for c in kept if c.name in chosen]
