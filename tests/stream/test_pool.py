"""Work shared among processes, and a process that dies of it."""

from __future__ import annotations

import os

import pytest
from truefeed.stream.pool import Pool

_added = 0


def _begin(number: int) -> None:
    global _added
    _added = number


def _work(item: int) -> str:
    if item < 0:
        os._exit(9)  # as the kernel ends what takes too much memory
    if item == 77:
        raise KeyError(item)
    return str(item + _added)


def _died(item: int) -> str:
    return f"{item} killed it"


def test_answers_come_in_order_and_a_deadly_item_costs_one() -> None:
    pool = Pool(_work, _died, 2, _begin, (100,))
    assert list(pool.each([1, 2, -3, 4, -5, 6])) == ["101", "102", "-3 killed it", "104", "-5 killed it", "106"]
    assert list(pool.each([])) == []


def test_what_the_work_raises_is_raised() -> None:
    answers = Pool(_work, _died, 2, _begin, (100,)).each([1, 77])
    assert next(answers) == "101"
    with pytest.raises(KeyError):
        next(answers)
