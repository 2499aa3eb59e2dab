"""The one place where pictures are dropped: a bounded queue between a capture thread and its consumer."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ClosedError(Exception):
    """The ring is closed and empty."""


class Ring(Generic[T]):
    """A bounded queue with its drop policy in the open.

    Args:
        capacity: the most that it holds.
        live: True: a full ring drops its oldest item, counts it, and `put` never waits; False: `put` waits for room.
        changed: a condition to share between rings, so that one consumer can wait for all of them.
    """

    def __init__(self, capacity: int, *, live: bool, changed: threading.Condition | None = None) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one item")
        self.capacity = capacity
        self.live = live
        self.dropped = 0
        "Items that the consumer never saw."
        self._items: deque[T] = deque()
        self._changed = changed or threading.Condition()
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Append an item; False where the ring is closed and the item was not taken."""
        with self._changed:
            if not self.live:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                return False
            if len(self._items) >= self.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> T | None:
        """Take the oldest item, or None after `timeout` seconds (None waits for ever).

        Raises ClosedError where the ring is closed and empty; in its place, once, the error that it was closed with.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._closed:
                error, self._error = self._error, None
                raise error or ClosedError
            return None

    def peek(self) -> T | None:
        """Return the oldest item without taking it, or None."""
        with self._changed:
            return self._items[0] if self._items else None

    def close(self, error: BaseException | None = None) -> None:
        """Take no more items and wake everyone; what is held can still be taken. May be called twice."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)
