"""One pass of Ray Data over files: it streams them through actors that judge, and hands the results over as they come.

It runs where Ray has a driver: in the process of the user for a cluster of this machine, in an actor beside the head
for one at an address, since Ray's client cannot stream.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import Any, Protocol

from .judge import Judge
from .setup import Setup

_WAITING = 1000
"Results that wait to be taken; with so many the actors wait, too."
_MOST = 64
"Files that an actor is given at a time: fewer spread better, more cost less."
_SHARES = 8
"Each actor gets its part of the files in about so many pieces."
Answer = tuple[int, str]
"The number of a file, and its report as JSON."


class Pass(Protocol):
    """What is asked of a Run, wherever it lies."""

    def add(self, rows: list[tuple[int, str]]) -> None:
        """Take numbers and files."""

    def start(self) -> None:
        """Begin."""

    def take(self, seconds: float) -> list[Answer] | None:
        """Return what has come within so many seconds."""

    def stop(self) -> None:
        """Let it end."""


class Run:
    """Files go in, results come out in any order, each of them at once.

    Args:
        setup: what to judge with.
        actors: that judge at a time, at most.
        gpus: part of a GPU that each takes.
    """

    def __init__(self, setup: Setup, actors: int, gpus: float) -> None:
        self._setup, self._actors, self._gpus = setup, actors, gpus
        self._rows: list[dict[str, Any]] = []
        self._out: queue.Queue[Answer | BaseException | None] = queue.Queue(_WAITING)
        self._stop = threading.Event()

    def add(self, rows: list[tuple[int, str]]) -> None:
        """Take numbers and files (a Found as JSON)."""
        self._rows += [{"number": number, "found": found} for number, found in rows]

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._work, name="truefeed-run", daemon=True).start()

    def take(self, seconds: float) -> list[Answer] | None:
        """Return what has come, after waiting for something to come, so many seconds at most; None once all is there.

        Raises:
            Exception: whatever ended the pass before its time.
        """
        answers: list[Answer] = []
        deadline = time.monotonic() + seconds
        while len(answers) < _WAITING:
            try:
                answer = self._out.get(timeout=max(0.0, deadline - time.monotonic()) if not answers else 0.0)
            except queue.Empty:
                break
            if isinstance(answer, tuple):
                answers.append(answer)
            elif answers:
                self._out.put(answer)  # for the next call
                break
            elif answer is None:
                return None
            else:
                raise answer
        return answers

    def stop(self) -> None:
        """Let the pass end."""
        self._stop.set()

    def _work(self) -> None:
        end: BaseException | None = None
        try:
            self._stream()
        except BaseException as error:
            end = error
        self._hand(end)

    def _hand(self, what: Answer | BaseException | None) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._out.put(what, timeout=1.0)
                return

    def _stream(self) -> None:
        for row in self._data().iter_rows():
            self._hand((int(row["number"]), str(row["report"])))
            if self._stop.is_set():
                return

    def _data(self) -> Any:
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.target_max_block_size = 1  # a result leaves the actor as soon as it is there
        each = min(_MOST, max(1, len(self._rows) // (self._actors * _SHARES)))
        blocks = -(-len(self._rows) // each)
        actors = max(1, min(self._actors, blocks))
        return ray.data.from_items(self._rows, override_num_blocks=blocks).map_batches(
            Judge,
            fn_constructor_args=(self._setup,),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=actors, initial_size=actors, max_tasks_in_flight_per_actor=2
            ),
            num_cpus=1,
            num_gpus=self._gpus,
        )
