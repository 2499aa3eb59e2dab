"""In continuous integration a test that is skipped fails the run, unless its reason stands here.

A pytest plugin. What a package or program would put right is no reason: `tests/run.sh` installs what the tests need.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

REASONS = (
    (r"root may read everything", "needs a user who is not root"),
    (r"there is a \w+ here", "needs a machine without the device"),
    (r"a model of voices is shipped", "needs a checkout without weights"),
    (r"no SCRFD model at hand", "third-party weights are not committed"),
    (r"needs the voice data|no pictures to judge", "data sets are not committed"),
    (r"(?i)\b(gpu|cuda)\b", "needs a GPU"),
    (r"not a checkout", "needs git's list of files"),
)
"What a reason of a skip matches, and why nothing can be installed against it."

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(re.search(allowed, reason) for allowed, _ in REASONS):
        _skipped.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if _skipped and os.environ.get("CI") and passed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _skipped and os.environ.get("CI"):
        terminalreporter.section("skipped for want of something that tests/run.sh should install")
        for line in _skipped:
            terminalreporter.write_line(line)
