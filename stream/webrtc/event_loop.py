"""One asyncio loop in one thread, shared by every connection of the process; it runs while somebody holds it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
_holders = 0


class Loop:
    """A hold on the shared loop. To be closed; the last one out stops the thread."""

    def __init__(self) -> None:
        global _running, _holders
        with _lock:
            if _running is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(loop,), name="truefeed-webrtc", daemon=True)
                thread.start()
                _running = loop, thread
            _holders += 1
            self.asyncio, self.thread = _running
        self._closed = False

    def call(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine in the loop and wait for it; raises TimeoutError after `timeout` s, and cancels it then."""
        future = asyncio.run_coroutine_threadsafe(work, self.asyncio)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError from None

    def soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called in the loop; nothing happens where the loop has ended."""
        if not self._closed:
            self.asyncio.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Let go; may be called twice. Not from within the loop."""
        global _running, _holders
        with _lock:
            if self._closed:
                return
            self._closed = True
            _holders -= 1
            if _holders:
                return
            _running = None
        self.asyncio.call_soon_threadsafe(self.asyncio.stop)
        self.thread.join(5)


def _untold(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of connections that broke under tasks of aiortc's own, such as the timers of a data channel."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_untold)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(asyncio.sleep(0.01))  # closed transports let go of their sockets in the next turn
        loop.close()
