"""Many files, exactly one result each, whatever becomes of the machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from ..config.scan_settings import ScanSettings
from ..errors import ConfigError, TruefeedError
from ..scan.json_line import report_of
from ..scan.named import STDIN
from ..scan.probe import Found
from ..scan.scanner import Job
from ..types import Report
from .connection import LOCAL, Cluster, check, connected
from .nodes import ClusterError, told
from .run import Pass
from .setup import Setup, setup

_WAIT = 1.0
"For results, before Ctrl-C is looked at again, s."
_PIECE = 5000
"Files sent to the head at a time."
_FRUITLESS = 3
"So many passes one after another without a single result are the last."


def judge_there(files: Sequence[Found], job: Job, settings: ScanSettings) -> Generator[Report | None, None, None]:
    """Yield the reports of files as `truefeed scan --cluster` was told to have them judged, in any order.

    Raises:
        ConfigError, TruefeedError: something of what was asked for does not go together, or there is no cluster.
    """
    address = check(settings.cluster or LOCAL)
    wanted = setup(job, settings.give_up)
    seen: list[Path] = []
    if address == LOCAL:
        job.load().close()  # a wrong model is told at once, and once
    else:
        if STDIN in settings.paths:
            raise ConfigError("`-`: standard input does not go with --cluster ray://: name a file")
        seen = [Path(word) for word in settings.paths if "://" not in word]
    if not files:
        return
    with connected(address, cores=settings.jobs, paths=seen) as cluster:
        if not settings.quiet:
            sys.stderr.write(f"truefeed: {cluster}\n")
        with closing(judge_on(cluster, files, wanted, actors=settings.jobs)) as judged:
            yield from (report for _, report in judged)


def judge_on(
    cluster: Cluster, files: Sequence[Found], wanted: Setup, *, actors: int | None = None
) -> Generator[tuple[Found, Report | None], None, None]:
    """Yield each file with its report, in the order in which they come.

    A pass that is lost with a machine is followed by one over the files that have no result yet; what comes twice is
    dropped. Whoever stops early closes it.

    Args:
        cluster: connected.
        files: what to judge; every node has to see the paths.
        wanted: with what.
        actors: at a time, at most; None: one a core.

    Raises:
        ClusterError: the cluster is gone.
        SetupError: a node cannot load the models.
    """
    left = dict(enumerate(files))
    fruitless = 0
    while left:
        before = len(left)
        run = cluster.run(wanted, min(actors or cluster.cores, before))
        try:
            yield from _pass(run, left)
            error: Exception | None = None
        except Exception as caught:
            error = caught
        finally:
            run.stop()
        if error is not None and isinstance(ours := told(error), TruefeedError):
            raise ours
        fruitless = fruitless + 1 if len(left) == before else 0
        if left and (fruitless == _FRUITLESS or _gone(cluster)):
            why = f"{len(left)} of {len(files)} files are not judged; the same command with --resume goes on"
            raise ClusterError(f"the cluster {cluster.address} is gone, or gives no results: {why}") from None


def _pass(run: Pass, left: dict[int, Found]) -> Generator[tuple[Found, Report | None], None, None]:
    waiting = list(left.items())
    for start in range(0, len(waiting), _PIECE):
        run.add([(number, _row(found)) for number, found in waiting[start : start + _PIECE]])
    run.start()
    while (answers := run.take(_WAIT)) is not None:
        for number, text in answers:
            if number in left:
                report = json.loads(text)
                yield left.pop(number), None if report is None else report_of(report)


def _row(found: Found) -> str:
    """Return the file as JSON; where a worker is, another folder is the current one."""
    shown = found.shown if found.path.is_absolute() or found.shown else str(found.path)
    return json.dumps({**asdict(found), "path": str(found.path.absolute()), "shown": shown})


def _gone(cluster: Cluster) -> bool:
    if cluster.address == LOCAL:
        return not cluster.ray.is_initialized()
    try:
        return not cluster.ray.nodes()
    except Exception:
        return True
