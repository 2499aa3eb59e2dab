"""Work shared among processes: answers in order, and none of them goes on after an error, Ctrl-C or an early end."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .errors import TruefeedError

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 4
"Items a process that are handed out before the first answer is taken."


@dataclass(frozen=True, slots=True)
class Pool(Generic[T, R]):
    """How to share work; processes run only while `each` is being iterated."""

    work: Callable[[T], R]
    "Runs in the processes; a function of a module."
    jobs: int
    "Processes."
    begin: Callable[..., None]
    "Runs once in each process, before any work."
    arguments: tuple[Any, ...] = ()
    "For begin."
    died: Callable[[T], R] | None = None
    "Gives the answer for an item that kills the process it is worked on in; None = that is an error."

    def each(self, items: Sequence[T]) -> Generator[R, None, None]:
        """Yield the answer of each item, in order. To stop early, close the generator: that ends the processes.

        Raises:
            TruefeedError: a process died, and `died` is None. Errors of `work` are raised as they are.
        """
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
                if self.died is None:
                    raise TruefeedError("a worker process died (out of memory?); try fewer of them") from None

    def _alone(self, item: T) -> R:
        assert self.died is not None
        with _processes(1, self.begin, self.arguments) as pool:
            try:
                return pool.submit(self.work, item).result()
            except BrokenProcessPool:
                return self.died(item)


@contextmanager
def _processes(jobs: int, begin: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[ProcessPoolExecutor]:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a fork would copy the runtimes' threads half alive
    with ProcessPoolExecutor(jobs, context, _begin, (begin, arguments)) as pool:
        try:
            yield pool
        except BaseException:  # Ctrl-C too: the pool would first finish what it has begun
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _begin(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end silently: the parent tells what happened
    begin(*arguments)
