"""Sources that do not end."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

pytest.importorskip("fastapi")

from truefeed.stream.sources import SourceOptions
from truefeed.stream.types import Frame, StateChange
from truefeed.stream.web.lasting import Lasting


def test_the_demonstration_goes_on_after_its_end() -> None:
    stop = threading.Event()
    times, anew, states = [], [], []
    for item in Lasting("demo", SourceOptions(pace="fast", audio=False)).items(stop):
        if isinstance(item, Frame):
            times.append(item.t)
            anew += [item.t] if item.discontinuity else []
        elif isinstance(item, StateChange):
            states.append(item.state)
        if times and times[-1] > 36:
            stop.set()
    assert all(a < b for a, b in pairwise(times))
    assert len(anew) == 1
    assert 30 < anew[0] < 36
    assert states == ["connecting", "online"]
