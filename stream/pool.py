"""Work shared among processes: answers in order, ended by Ctrl-C, and what kills a process costs one answer."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 4
"Items a process that are handed out before the first answer is taken."


@dataclass(frozen=True, slots=True)
class Pool(Generic[T, R]):
    """How to share work; processes run only while `each` is being iterated."""

    work: Callable[[T], R]
    "Runs in the processes; a function of a module."
    died: Callable[[T], R]
    "Gives the answer for an item that kills the process it is worked on in."
    jobs: int
    "Processes."
    begin: Callable[..., None]
    "Runs once in each process, before any work."
    arguments: tuple[Any, ...] = ()
    "For begin."

    def each(self, items: Sequence[T]) -> Iterator[R]:
        """Yield the answer of each item, in order. Errors of `work` are raised here."""
        left = deque(items)
        while left:
            yield from self._together(left)
            # A process died, and nobody says over which item: those that it may have been are tried one by one.
            for _ in range(min(self.jobs, len(left))):
                yield self._alone(left.popleft())

    def _together(self, left: deque[T]) -> Iterator[R]:
        """As each, until a process dies; what was answered is gone from left."""
        waiting: deque[Future[R]] = deque()
        with _processes(min(self.jobs, len(left)), self.begin, self.arguments) as pool:
            try:
                while left:
                    while len(waiting) < min(_AHEAD * self.jobs, len(left)):
                        waiting.append(pool.submit(self.work, left[len(waiting)]))
                    answer = waiting.popleft().result()
                    left.popleft()
                    yield answer
            except BrokenProcessPool:
                return

    def _alone(self, item: T) -> R:
        with _processes(1, self.begin, self.arguments) as pool:
            try:
                return pool.submit(self.work, item).result()
            except BrokenProcessPool:
                return self.died(item)


@contextmanager
def _processes(jobs: int, begin: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")  # a fork would copy the runtimes' threads half alive
    with ProcessPoolExecutor(jobs, context, begin, arguments) as pool:
        try:
            yield pool
        except BaseException:  # Ctrl-C too: the pool would first finish what it has begun
            for process in multiprocessing.active_children():
                process.terminate()
            raise
