"""`truefeed bench` on this machine."""

from __future__ import annotations

import json

import pytest
from truefeed.stream.cli import main


def test_each_step_and_the_whole_path_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    names = [step["name"] for step in told["steps"]]
    assert names[:2] == ["decode to BGR", "find faces"]
    assert names[-1] == "whole path, a frame"
    assert told["face_in_clip"]
    for step in told["steps"]:
        assert step["cpu_ms"] > 0
        assert step["per_second"] == pytest.approx(1000 / step["ms"], rel=0.05, abs=0.1)
    assert "A live 720p30 stream takes about" in err
