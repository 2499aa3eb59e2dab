"""Work shared among processes, a process that dies of it, and an end before all is done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import truefeed.stream.pool
from truefeed.stream.errors import TruefeedError
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
    if item == 88:
        os.kill(os.getppid(), signal.SIGINT)
    if item >= 88:
        time.sleep(3600)
    return str(item + _added)


def _died(item: int) -> str:
    return f"{item} killed it"


def test_answers_come_in_order_and_a_deadly_item_costs_one() -> None:
    pool = Pool(_work, 2, _begin, (100,), _died)
    assert list(pool.each([1, 2, -3, 4, -5, 6])) == ["101", "102", "-3 killed it", "104", "-5 killed it", "106"]
    assert list(pool.each([])) == []


def test_what_the_work_raises_is_raised() -> None:
    answers = Pool(_work, 2, _begin, (100,), _died).each([1, 77])
    assert next(answers) == "101"
    with pytest.raises(KeyError):
        next(answers)


def test_without_an_answer_for_it_a_process_that_dies_is_an_error() -> None:
    answers = Pool(_work, 2, _begin, (100,)).each([1, -3, 4])
    assert next(answers) == "101"
    with pytest.raises(TruefeedError, match="a worker process died"):
        next(answers)
    assert multiprocessing.active_children() == []


def test_ctrl_c_ends_what_the_processes_are_doing() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(Pool(_work, 2, _begin, (100,)).each([1, 99, 88]))
    assert multiprocessing.active_children() == []


def test_who_stops_early_ends_what_the_processes_are_doing() -> None:
    answers = Pool(_work, 2, _begin, (100,)).each([1, 99, 99])
    assert next(answers) == "101"
    answers.close()
    assert multiprocessing.active_children() == []


def test_no_other_module_makes_processes_for_itself() -> None:
    root = Path(truefeed.stream.pool.__file__).parents[1]
    layers = ("engines", "stream", "train", "export")
    sources = {path: path.read_text() for layer in layers for path in (root / layer).rglob("*.py")}
    users = [path.name for path, text in sources.items() if "ProcessPoolExecutor" in text or "import multiproc" in text]
    assert users == ["pool.py"]
